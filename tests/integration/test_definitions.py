"""Which definition a command uses."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.migrate import migrate
from pipeline.run import Options, run_all, run_named
from tests.commands import as_process, clickstats
from tests.databases import CopyOf, Database
from tests.definitions import written
from tests.two_zones import (
    DAYS,
    DENVER,
    FRIDAY,
    LOS_ANGELES,
    TOKYO,
    WORLD,
    A,
    B,
    computed,
    json_of,
    reporting,
)


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def done(copy_of: CopyOf) -> Database:
    """After a run in Los Angeles."""
    return copy_of(computed)


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
