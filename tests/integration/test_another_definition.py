"""What becomes of another definition than the published one, and what is refused."""

from pathlib import Path

import pytest

from pipeline.dry_run import dry_run
from pipeline.errors import ConfigurationError
from pipeline.run import Options, run_all, run_named
from tests.commands import clickstats
from tests.databases import CopyOf, Database
from tests.definitions import written
from tests.two_zones import (
    DAYS,
    LOS_ANGELES,
    SATURDAY,
    TOKYO,
    UNTOUCHED,
    WORLD,
    A,
    B,
    computed,
    json_of,
    reporting,
)


@pytest.fixture
def done(copy_of: CopyOf) -> Database:
    """After a run in Los Angeles."""
    return copy_of(computed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", '"America/Los_Angeles", is "UTC"'),
        (f"time.reporting = '{LOS_ANGELES}'\nclicks.sweep_seconds = 9", "clicks.sweep_seconds"),
        (
            f"time.reporting = '{LOS_ANGELES}'\n[functions]\nLinkedIn = ['linkedin']",
            'functions was {}, is {"LinkedIn": ["linkedin"]}',
        ),
    ],
)
def test_a_named_run_by_another_definition_is_refused(
    done: Database, tmp_path: Path, text: str, said: str
) -> None:
    before = done.execute(UNTOUCHED)
    file = written(tmp_path, text)
    answer = clickstats("run", "--app-id", A, "--definition", file, database=done)
    assert answer.code == 2
    [line] = [line for line in answer.errors.splitlines() if line.startswith("clickstats: ")]
    assert said in line
    assert "publish it by `clickstats run --all`" in line
    assert done.execute(UNTOUCHED) == before
    [failed] = done.execute("select outcome, exit_code from clickstats_runs order by number")[1:]
    assert failed == ("failed", 2)


def test_the_same_definition_told_again_is_not_another_one(done: Database, tmp_path: Path) -> None:
    run_named(done.settings(timezone=LOS_ANGELES), [A])
    same = written(tmp_path, f"[time]\nreporting = '{LOS_ANGELES}'\n[clicks]\nsweep_links = 3")
    run_named(done.settings(definition_file=same), [A])
    assert run_all(done.settings(definition_file=same)).warnings == []


CIRCUMSTANCES = {
    "rules": "update clickstats_runs set definition"
    " = jsonb_set(definition, '{circumstances,rules}', '\"older\"')",
    "patterns": "update clickstats_runs set definition"
    " = jsonb_set(definition, '{circumstances,patterns}', '\"crawler-user-agents 1.0 older\"')",
    "columns": "alter table link_clicks drop user_agent",
}


@pytest.mark.parametrize("key", CIRCUMSTANCES)
def test_other_circumstances_are_another_definition(done: Database, key: str) -> None:
    """Although nobody is told anything. `--all` adopts the rest."""
    done.execute(CIRCUMSTANCES[key])
    with pytest.raises(ConfigurationError, match=f"{key} was "):
        run_named(done.settings(), [A])
    for way in (dry_run, run_all):
        with pytest.raises(ConfigurationError, match=f"--limit would mix two definitions: {key} w"):
            way(done.settings(), Options(limit=1))
    report = run_all(done.settings())
    assert report.timezone == LOS_ANGELES
    assert any(
        "another definition than in the last published run" in warning and f"{key} was" in warning
        for warning in report.warnings
    )
    run_named(done.settings(), [A])
    assert not any("another" in warning for warning in run_all(done.settings()).warnings)


def test_a_whole_run_publishes_another_definition(done: Database, tmp_path: Path) -> None:
    """It says so, rewrites what changes, and from then on nobody needs to be told."""
    file = written(tmp_path, "[functions]\nLinkedIn = ['linkedin']")
    [(before,)] = done.execute("select fingerprint from clickstats_runs")
    tried = clickstats(
        "run", "--all", "--dry-run", "--format", "json", "--definition", file, database=done
    )
    assert json_of(tried)["updated"] == 2
    assert "another definition than in the last published run" in tried.errors

    answer = clickstats("run", "--all", "--format", "json", "--definition", file, database=done)
    report = json_of(answer)
    assert (report["updated"], report["fingerprint"] == before) == (2, False)
    [warning] = report["warnings"]
    assert warning == (
        "another definition than in the last published run: time.reporting was "
        '"America/Los_Angeles", is "UTC"; functions was {}, is {"LinkedIn": ["linkedin"]}'
    )
    assert warning in answer.errors
    assert done.execute(DAYS) == SATURDAY
    assert done.execute(
        "select click_sequence from link_click_analytics where application_id = %s", (B,)
    ) == [(["LinkedIn"],)]

    untouched = done.execute(UNTOUCHED)
    again = json_of(clickstats("run", "--all", "--format", "json", database=done))
    assert (again["unchanged"], again["warnings"]) == (2, [])
    assert again["fingerprint"] == report["fingerprint"]
    assert done.execute(UNTOUCHED) == untouched


def test_it_is_published_also_where_the_sequence_of_the_ledger_is_behind(
    done: Database, tmp_path: Path
) -> None:
    """Logical replication hands on rows, and no sequences: numbers would begin anew."""
    run_all(done.settings())
    done.execute("alter sequence clickstats_runs_number_seq restart")
    run_all(done.settings(timezone=TOKYO))
    run_named(done.settings(), [A])
    assert run_all(done.settings()).unchanged == 2
    assert reporting(done) == (TOKYO, "the last published run")


def test_an_emptied_ledger_knows_no_definition(done: Database) -> None:
    """What is told nothing would be computed by the built-in one, beside rows of another."""
    done.execute("truncate clickstats_runs")
    before = done.execute(UNTOUCHED)
    with pytest.raises(ConfigurationError, match="no published run although rows are stored"):
        run_named(done.settings(), [A])
    assert done.execute(UNTOUCHED) == before
    [warning] = run_all(done.settings(timezone=LOS_ANGELES)).warnings
    assert warning.endswith("nobody knows by which definition they are; they are computed anew")
    run_named(done.settings(), [A])


def test_a_limited_run_after_the_ledger_was_emptied(done: Database) -> None:
    """It would leave rows that nobody knows the definition of, and publish another one."""
    done.execute("truncate clickstats_runs")
    before = done.execute(UNTOUCHED)
    for way in (dry_run, run_all):
        with pytest.raises(ConfigurationError, match=r"--limit would mix .*: clickstats_runs has"):
            way(done.settings(), Options(limit=1))
    assert done.execute(UNTOUCHED) == before


def test_named_runs_before_the_first_of_everything(database: Database) -> None:
    database.load(WORLD)
    for application in (A, B):
        run_named(database.settings(timezone=TOKYO), [application])
    assert run_all(database.settings(timezone=TOKYO)).warnings == []


def test_after_them_no_limited_run_by_another_definition(database: Database) -> None:
    database.load(WORLD)
    run_named(database.settings(timezone=TOKYO), [A])
    before = database.execute(UNTOUCHED)
    for other in (LOS_ANGELES, None):
        with pytest.raises(ConfigurationError, match=rf'limit .* time\.reporting was "{TOKYO}"'):
            run_all(database.settings(timezone=other), Options(limit=1))
    assert database.execute(UNTOUCHED) == before
    assert run_all(database.settings(timezone=TOKYO), Options(limit=1)).pending == 0


def test_one_who_asks_by_another_definition_is_told_so(done: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "[functions]\nLinkedIn = ['linkedin']")
    before = done.execute(UNTOUCHED)
    explained = clickstats("explain", B, "--definition", file, database=done)
    verified = clickstats("verify", "--definition", file, database=done)
    in_utc = clickstats("explain", A, "--timezone", "UTC", database=done)
    assert (explained.code, verified.code, in_utc.code) == (0, 6, 0)
    assert "another definition" in explained.text + explained.errors
    assert "definition" in verified.text + verified.errors
    assert "another zone" in in_utc.text + in_utc.errors
    assert done.execute(UNTOUCHED) == before


def test_the_ledger_keeps_the_whole_definition(done: Database) -> None:
    [(definition, fingerprint, zone)] = done.execute(
        "select definition, fingerprint, timezone from clickstats_runs"
    )
    assert definition["time"] == {
        "reporting": LOS_ANGELES,
        "clicks": "UTC",
        "applications": "UTC",
    }
    assert definition["circumstances"]["columns"] == ["user_agent", "ip_address"]
    assert definition["circumstances"]["patterns"].startswith("crawler-user-agents ")
    assert definition.keys() == {
        "time", "clicks", "functions", "applications", "statuses", "circumstances"
    }  # fmt: skip
    assert zone == LOS_ANGELES
    run_named(done.settings(), [A])
    assert done.execute("select distinct definition, fingerprint from clickstats_runs") == [
        (definition, fingerprint)
    ]
