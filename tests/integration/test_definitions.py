"""Which definition a command uses, what becomes of another one, and what is refused."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.definition import Definition, read
from pipeline.dry_run import dry_run
from pipeline.errors import ConfigurationError
from pipeline.migrate import migrate
from pipeline.run import Options, run_all, run_named
from tests.commands import Answer, as_process, clickstats
from tests.databases import Database, fresh
from tests.definitions import written
from tests.drawings import named, world_drawn

# On a Saturday in UTC; in Los Angeles it is Friday evening.
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-10-30 09:00
    B           | J   | 2026-10-30 09:00

    link | application | link function
    a    | A           | Resume
    b    | B           | linkedin

    link | clicked at
    a    | 2026-10-31 01:30
    b    | 2026-10-31 01:30
    """
).world
A, B = str(named("A")), str(named("B"))
LOS_ANGELES, TOKYO, DENVER = "America/Los_Angeles", "Asia/Tokyo", "America/Denver"
UNTOUCHED = """
    select application_id, xmin::text, ctid, calculated_at from link_click_analytics
    union all select application_id, xmin::text, ctid, calculated_at from link_click_readings
    order by 1, 2
"""
DAYS = "select distinct click_days_of_week from link_click_analytics"
FRIDAY, SATURDAY = [([5],)], [([6],)]


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture(scope="module")
def with_a_run(server_url: str, with_all_tables: str) -> Iterator[str]:
    """The template of a run in Los Angeles."""
    with fresh(server_url, with_all_tables) as template:
        template.load(WORLD)
        run_all(template.settings(timezone=LOS_ANGELES))
        yield template.name


@pytest.fixture
def done(server_url: str, with_a_run: str) -> Iterator[Database]:
    """After a run in Los Angeles."""
    with fresh(server_url, with_a_run) as done:
        yield done


def json_of(answer: Answer) -> Any:
    assert answer.code == 0, answer.errors
    return json.loads(answer.text)


def reporting(database: Database, *arguments: str, **environment: str) -> tuple[str, str]:
    """The reporting zone in force, and where it comes from."""
    command = ("definition", "--format", "json", *arguments)
    found = json_of(clickstats(*command, database=database, **environment))
    return found["definition"]["time"]["reporting"], found["sources"]["time.reporting"]


# --- the zone of a bare shell --------------------------------------------------------------------


@pytest.mark.parametrize("told", ["--timezone", "CLICKSTATS_TIMEZONE", "--definition"])
def test_a_bare_shell_computes_as_the_job_of_the_night(
    filled: Database, tmp_path: Path, told: str
) -> None:
    """The weekend click of UTC does not appear, whatever is asked."""
    file = written(tmp_path, f"[time]\nreporting = '{LOS_ANGELES}'")
    how: dict[str, tuple[list[str], dict[str, str]]] = {
        "--timezone": (["--timezone", LOS_ANGELES], {}),
        "CLICKSTATS_TIMEZONE": ([], {"CLICKSTATS_TIMEZONE": LOS_ANGELES}),
        "--definition": (["--definition", file], {}),
    }
    arguments, environment = how[told]
    assert clickstats("run", "--all", *arguments, database=filled, **environment).code == 0
    as_json = ("--format", "json")

    [row] = json_of(clickstats("run", "--app-id", A, *as_json, database=filled))
    assert (row["click_days_of_week"], row["engagement_score"]) == ([5], 10)
    assert filled.execute(DAYS) == FRIDAY

    explained = json_of(clickstats("explain", A, *as_json, database=filled))
    [found] = explained if isinstance(explained, list) else explained["applications"]
    assert (found["timezone"], found["stored"]["state"]) == (LOS_ANGELES, "current")
    assert found["clicks"][0]["day_of_week"] == 5

    verified = json_of(clickstats("verify", *as_json, database=filled))
    assert (verified["timezone"], verified["differences"]) == (LOS_ANGELES, [])

    tried = json_of(clickstats("run", "--all", "--dry-run", *as_json, database=filled))
    assert (tried["timezone"], tried["updated"], tried["unchanged"]) == (LOS_ANGELES, 0, 2)

    report = json_of(clickstats("report", *as_json, database=filled))
    assert report["timezone"] == LOS_ANGELES

    again = json_of(clickstats("run", "--all", *as_json, database=filled))
    assert (again["timezone"], again["unchanged"], again["warnings"]) == (LOS_ANGELES, 2, [])
    assert filled.execute(DAYS) == FRIDAY


# --- precedence ----------------------------------------------------------------------------------


def test_what_is_told_comes_before_what_is_published(done: Database, tmp_path: Path) -> None:
    tokyo = written(tmp_path, f"[time]\nreporting = '{TOKYO}'", "tokyo.toml")
    plain = written(tmp_path, "", "plain.toml")
    zone = "--timezone or CLICKSTATS_TIMEZONE"
    here = (done,)
    assert reporting(*here) == (LOS_ANGELES, "the last published run")
    assert reporting(*here, CLICKSTATS_TIMEZONE=DENVER) == (DENVER, zone)
    assert reporting(*here, "--timezone", TOKYO, CLICKSTATS_TIMEZONE=DENVER) == (TOKYO, zone)
    assert reporting(*here, "--definition", tokyo) == (TOKYO, tokyo)
    assert reporting(*here, CLICKSTATS_DEFINITION=tokyo) == (TOKYO, tokyo)
    both = reporting(*here, CLICKSTATS_DEFINITION=tokyo, CLICKSTATS_TIMEZONE=DENVER)
    assert both == (DENVER, zone)
    assert reporting(*here, "--definition", plain, CLICKSTATS_DEFINITION=tokyo) == (
        "UTC",
        "built in",
    )


def test_before_the_first_run_the_built_in_definition(filled: Database) -> None:
    assert reporting(filled) == ("UTC", "built in")
    run_named(filled.settings(), [A])
    run_named(filled.settings(timezone=LOS_ANGELES), [B])  # there is nothing to mix with yet
    assert reporting(filled) == ("UTC", "built in")


def test_a_failed_run_publishes_no_definition(done: Database) -> None:
    with pytest.raises(ConfigurationError):
        run_all(done.settings(timezone=TOKYO), Options(limit=1))
    run_all(done.settings())
    assert reporting(done)[0] == LOS_ANGELES


def test_a_named_run_publishes_no_definition(filled: Database) -> None:
    run_named(filled.settings(timezone=TOKYO), [A])
    assert reporting(filled)[0] == "UTC"


def test_of_a_run_from_before_definitions_the_zone_holds(done: Database) -> None:
    done.execute("update clickstats_runs set definition = null, fingerprint = null")
    assert reporting(done) == (LOS_ANGELES, "the last published run")
    run_named(done.settings(), [A])
    report = run_all(done.settings())
    assert (report.timezone, report.unchanged, report.warnings) == (LOS_ANGELES, 2, [])
    with pytest.raises(ConfigurationError, match=r"time\.reporting was "):
        run_named(done.settings(timezone=TOKYO), [A])


def test_a_ledger_of_an_older_version_is_to_be_migrated(unmigrated: Database) -> None:
    """Where no column holds the definition."""
    migrate(unmigrated.settings())
    unmigrated.execute(
        "alter table clickstats_runs drop definition;"
        "update clickstats_migrations set version_num = '0003'"
    )
    for command in (["run", "--all"], ["explain", A], ["verify"], ["definition"]):
        answer = clickstats(*command, database=unmigrated)
        assert answer.code == 5, answer.errors
        assert "migrate" in answer.errors


def test_last_goes_by_the_ledger_and_not_by_the_clock(done: Database) -> None:
    """It was set back after a run that seems to lie in the future."""
    done.execute(
        "update clickstats_runs set started_at = started_at + interval '1 day',"
        " finished_at = finished_at + interval '1 day',"
        " snapshot_at = snapshot_at + interval '1 day'"
    )
    run_all(done.settings(timezone=TOKYO))
    assert reporting(done)[0] == TOKYO
    run_named(done.settings(), [A])


def test_the_last_published_run_is_never_dropped(done: Database) -> None:
    """However old; failed ones and those of named applications are."""
    run_named(done.settings(), [A])
    with pytest.raises(ConfigurationError):
        run_all(done.settings(timezone=TOKYO), Options(limit=1))
    done.execute("update clickstats_runs set started_at = started_at - interval '50 years'")
    run_named(done.settings(), [A], keep_days=1)
    assert done.execute("select command from clickstats_runs order by number") == [
        ("run --all",),
        ("run --app-id",),
    ]
    assert done.execute(DAYS) == FRIDAY
    run_all(done.settings(), Options(keep_days=1))
    assert reporting(done)[0] == LOS_ANGELES


def test_who_may_not_read_the_ledger_gets_the_built_in_definition(
    filled: Database, role: str
) -> None:
    """And is told so."""
    run_all(filled.settings(timezone=LOS_ANGELES))
    filled.execute(
        f"grant select on all tables in schema public to {role};"
        f" revoke select on clickstats_runs from {role}"
    )
    guest = filled.seen_by(role, role)
    answer = as_process("definition", "--format", "json", database=guest)
    assert "no definition from the ledger: permission denied" in answer.errors
    assert json_of(answer)["definition"]["time"]["reporting"] == "UTC"
    assert clickstats("explain", A, database=guest).code == 0


# --- another definition --------------------------------------------------------------------------


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


# --- `clickstats definition` ---------------------------------------------------------------------


def test_what_is_printed_can_be_given_back(done: Database, tmp_path: Path) -> None:
    """A published definition leaves its file's name behind, not its values."""
    hostile = written(tmp_path, "[functions]\n'a \"b\" \\' = [\"\\u007f\\n\\t\\u0085\", '']\n")
    run_all(done.settings(definition_file=hostile))
    printed = clickstats("definition", database=done)
    assert (printed.code, printed.errors) == (0, "")
    again = written(tmp_path, printed.text, "again.toml")
    assert read(again)[0] == read(hostile)[0]
    assert run_all(done.settings(definition_file=again)).warnings == []

    # what differs from the published one is a comment
    other = clickstats("definition", "--timezone", TOKYO, database=done)
    assert '# not what the last published run used: time.reporting was "UTC"' in other.text
    assert read(written(tmp_path, other.text))[0].time.reporting == TOKYO


def test_a_file_is_checked_without_a_database(tmp_path: Path) -> None:
    file = written(tmp_path, "[clicks]\ncount = 'human'")
    answer = clickstats("definition", "--check", file, "--format", "json")
    assert json_of(answer)["definition"]["clicks"]["count"] == "human"


def test_without_our_tables_the_built_in_definition(unmigrated: Database, tmp_path: Path) -> None:
    answer = as_process("definition", database=unmigrated)
    assert answer.code == 0
    assert "no definition from the ledger" in answer.errors
    assert read(written(tmp_path, answer.text))[0] == Definition()


@pytest.mark.parametrize("name", [b"\xff.toml", b"a\nb.toml"])
def test_a_file_of_any_name(done: Database, tmp_path: Path, name: bytes) -> None:
    """Is read, printed and, where there is none, told and kept in the ledger."""
    file = written(tmp_path, "[time]\nreporting = 'Asia/Tokyo'", os.fsdecode(name))
    printed = clickstats("definition", "--definition", file, database=done)
    assert read(written(tmp_path, printed.text))[0].time.reporting == TOKYO
    assert clickstats("run", "--all", "--definition", file, database=done).code == 0
    missing = clickstats("run", "--all", "--definition", f"{file}x", database=done)
    assert missing.code == 2
    [line] = [line for line in missing.errors.splitlines() if "cannot read" in line]
    assert line.startswith("clickstats: cannot read the definition ")


@pytest.mark.parametrize("command", [["run", "--all"], ["run", "--app-id", A], ["explain", A]])
def test_a_mistake_in_the_file_is_found_by_every_command(
    done: Database, tmp_path: Path, command: list[str]
) -> None:
    before = done.execute(UNTOUCHED)
    file = written(tmp_path, "[clicks]\ncount = 'humans'")
    answer = clickstats(*command, database=done, CLICKSTATS_DEFINITION=file)
    assert answer.code == 2
    assert f"{file}: clicks.count: " in answer.errors
    assert done.execute(UNTOUCHED) == before
