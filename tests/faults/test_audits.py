"""What keeps a result from being published, and what is published with a warning."""

from typing import Any

import polars as pl
import pytest

import pipeline.load
import pipeline.run
import pipeline.slices
from pipeline.errors import AuditFailed, ConfigurationError
from pipeline.run import DEFAULTS, Options, run_all, run_named
from pipeline.run_report import RunReport
from tests.commands import clickstats
from tests.databases import Database
from tests.engines import reference, stored
from tests.holds import at

slow = pytest.mark.slow
LAST_RUN = """
    select outcome, exit_code, warnings, error from clickstats_runs
    order by started_at desc limit 1
"""


@pytest.fixture
def database(empty: Database) -> Database:
    """A hundred applications, each with a link and a click."""
    empty.execute(
        """
        insert into job_applications (id, created_at)
            select md5('application' || n)::uuid, '2024-03-01' from generate_series(1, 100) as n;
        insert into link_tracking (tracking_id, application_id, link_function)
            select id::text, id, 'LinkedIn' from job_applications;
        insert into link_clicks (tracking_id, clicked_at)
            select id::text, '2024-03-05' from job_applications;
        """
    )
    return empty


def shrink(database: Database, table: str, rows: int) -> None:
    database.execute(
        f"delete from {table} where ctid in (select ctid from {table} order by ctid limit %s)",
        (rows,),
    )


def refused(database: Database, says: str, options: Options = DEFAULTS) -> None:
    """Exit 6: nothing is published, and the ledger says why."""
    before = stored(database)
    with pytest.raises(AuditFailed, match=says) as failed:
        run_all(database.settings(), options)
    assert failed.value.exit_code == 6
    assert stored(database) == before
    [(state, exit_code, _, error)] = database.execute(LAST_RUN)
    assert (state, exit_code, error) == ("failed", 6, str(failed.value))


def published(database: Database, options: Options = DEFAULTS, **settings: str) -> RunReport:
    report = run_all(database.settings(**settings), options)
    [(state, exit_code, warnings, error)] = database.execute(LAST_RUN)
    assert (state, exit_code, error) == ("published", 0, None)
    assert warnings == report.warnings
    assert stored(database) == reference(database, report.timezone)
    return report


TABLES = {"job_applications": "applications", "link_clicks": "clicks read"}


@pytest.mark.parametrize(("table", "name"), TABLES.items(), ids=TABLES)
@pytest.mark.parametrize(
    ("max_shrink", "rows", "passes"),
    [
        pytest.param(50, 49, True, marks=slow),
        (50, 50, True),
        (50, 51, False),
        pytest.param(0, 0, True, marks=slow),
        pytest.param(0, 1, False, marks=slow),
        pytest.param(99.5, 99, True, marks=slow),
        (99.5, 100, False),  # suddenly empty
        (100, 100, True),
    ],
)
def test_a_source_that_shrinks(
    database: Database, table: str, name: str, max_shrink: float, rows: int, passes: bool
) -> None:
    published(database)
    shrink(database, table, rows)
    options = Options(max_shrink=max_shrink)
    if passes:
        published(database, options)
    else:
        refused(database, f"{name} fell from 100 to {100 - rows}", options)


def test_half_is_the_limit_unless_said_otherwise(database: Database) -> None:
    published(database)
    shrink(database, "link_clicks", 51)
    answer = clickstats("run", "--all", database=database)
    assert answer.code == 6
    assert "clicks read fell from 100 to 49" in answer.errors
    assert "Traceback" not in answer.errors
    answer = clickstats("run", "--all", "--max-shrink", "51", database=database)
    assert answer.code == 0
    assert stored(database) == reference(database)


def test_a_refused_run_is_no_baseline(database: Database) -> None:
    published(database)
    shrink(database, "link_clicks", 60)
    for _ in range(2):
        refused(database, "clicks read fell from 100 to 40")
    published(database, Options(max_shrink=100))
    published(database)


@pytest.mark.parametrize("table", TABLES)
def test_the_first_run_has_nothing_to_compare_with(database: Database, table: str) -> None:
    shrink(database, table, 100)
    published(database)
    published(database)


def test_named_runs_are_no_baseline(database: Database) -> None:
    [(application_id,)] = database.execute("select min(id::text) from job_applications")
    run_named(database.settings(), [application_id])
    shrink(database, "link_clicks", 51)
    published(database)
    run_named(database.settings(), [application_id])
    shrink(database, "link_clicks", 20)
    published(database)


def test_a_limited_run_is_a_baseline(database: Database) -> None:
    """It has seen everything, although it wrote little."""
    run_all(database.settings(), Options(limit=1))
    shrink(database, "job_applications", 51)
    refused(database, "applications fell from 100 to 49")


def test_growth_is_no_shrinking(database: Database) -> None:
    shrink(database, "link_clicks", 90)
    published(database)
    database.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select tracking_id, clicked_at from link_clicks"
    )
    published(database, Options(max_shrink=0))


# what a bug could do to a row, and what the audit says then
IMPOSSIBLE = {
    "more distinct link functions": {"unique_functions_clicked": pl.lit(2, pl.Int32)},
    "a negative number of clicks": {
        "unique_functions_clicked": pl.lit(-2, pl.Int32),
        "total_click_events": pl.lit(-1, pl.Int32),
    },
    "an engagement score": {"engagement_score": pl.col("engagement_score") + 1},
    "an intent score": {"intent_score": pl.lit(101, pl.Int32)},
    "2 rows with an intent score": {"intent_score": pl.lit(None, pl.Int32)},
}


@pytest.mark.parametrize(("says", "wrong"), IMPOSSIBLE.items(), ids=IMPOSSIBLE)
def test_an_impossible_row(
    database: Database, monkeypatch: pytest.MonkeyPatch, says: str, wrong: dict[str, pl.Expr]
) -> None:
    scored = pipeline.slices.scored

    def scored_wrongly(*arguments: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
        two = pl.int_range(pl.len()) < 2
        rows, clicks = scored(*arguments)
        wrongly = (
            pl.when(two).then(value).otherwise(pl.col(name)).alias(name)
            for name, value in wrong.items()
        )
        return rows.with_columns(wrongly), clicks

    monkeypatch.setattr(pipeline.slices, "scored", scored_wrongly)
    refused(database, says)
    two = database.execute("select id::text from job_applications limit 2")
    with pytest.raises(AuditFailed, match=says):
        run_named(database.settings(), [application_id for (application_id,) in two])
    assert stored(database) == {}


@pytest.mark.parametrize("when", ["insert", "update"])
def test_a_row_that_a_trigger_swallows(database: Database, when: str) -> None:
    if when == "update":
        published(database)
        database.execute("update link_clicks set clicked_at = '2024-03-06'")
    database.execute(
        f"""
        create function swallow() returns trigger language plpgsql as $$ begin
            return null;
        end $$;
        create trigger swallow before {when} on link_click_analytics for each row
            when (new.application_id = md5('application1')::uuid) execute function swallow();
        """
    )
    refused(database, "1 row is stored otherwise .* trigger swallow")


ODD = {
    "clicks before the application": (
        "update link_clicks set clicked_at = '2024-02-01' where click_id <= 3",
        "3 applications have a click before they were created",
    ),
    "the highest velocity": (
        "insert into link_clicks (tracking_id, clicked_at)"
        " select tracking_id, '2024-03-05' from (select * from link_tracking limit 1) as link,"
        " generate_series(1, 1000000)",
        "1 application reaches the highest velocity that can be stored",
    ),
    "clicks in the future": (
        "update link_clicks set clicked_at = now() at time zone 'UTC' + interval '1 hour'"
        " where click_id <= 2",
        "2 clicks lie in the future",
    ),
    "unusable": (
        "update link_clicks set clicked_at = null where click_id <= 6",
        "6 of 100 clicks are unusable",
    ),
    "unattributed": (
        "update link_clicks set tracking_id = 'nowhere' where click_id <= 6",
        "6 of 100 clicks are unattributed",
    ),
}


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        pytest.param(*odd, id=name, marks=[pytest.mark.slow] * ("velocity" in name))
        for name, odd in ODD.items()
    ],
)
def test_what_is_odd_is_published_with_a_warning(
    database: Database, change: str, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    database.execute(change)
    assert published(database).warnings == [warning]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        warning
    ]


@pytest.mark.parametrize(
    "change", ["set clicked_at = null", "set tracking_id = 'nowhere'"], ids=["unusable", "lost"]
)
def test_a_twentieth_is_not_odd(database: Database, change: str) -> None:
    database.execute(f"update link_clicks {change} where click_id <= 5")
    assert published(database).warnings == []


def test_a_click_of_just_now_is_not_in_the_future(database: Database) -> None:
    """Whatever the time zone of the server and of the report."""
    database.execute(f"alter database {database.name} set timezone to 'Pacific/Kiritimati'")
    database.execute("update link_clicks set clicked_at = clock_timestamp() at time zone 'UTC'")
    assert published(database, timezone="Pacific/Kiritimati").warnings == []


def test_another_time_zone_than_the_last_published_one(database: Database) -> None:
    published(database)
    warnings = published(database, timezone="Asia/Kolkata").warnings
    assert warnings == [
        "another definition than in the last published run: "
        'time.reporting was "UTC", is "Asia/Kolkata"'
    ]
    assert published(database, timezone="Asia/Kolkata").warnings == []


def test_a_named_run_does_not_change_the_time_zone(database: Database) -> None:
    published(database)
    [(application_id,)] = database.execute("select min(id::text) from job_applications")
    with pytest.raises(ConfigurationError, match=r"time\.reporting"):
        run_named(database.settings(timezone="Asia/Kolkata"), [application_id])
    assert published(database).warnings == []


def test_what_a_refused_run_has_seen_is_in_the_ledger(database: Database) -> None:
    published(database)
    shrink(database, "job_applications", 60)
    refused(database, "applications fell from 100 to 40")
    assert database.execute(LAST_RUN)[0][2] == ["60 of 100 clicks are unattributed"]
    seen = "snapshot_at is not null, applications, clicks_read, clicks_unattributed, inserted"
    assert database.execute(
        f"select {seen} from clickstats_runs order by started_at desc limit 1"
    ) == [(True, 40, 100, 60, 0)]


def test_a_row_that_another_program_deletes_meanwhile(database: Database) -> None:
    """Its application still exists: the row is written anew."""
    published(database)
    database.execute("update link_clicks set clicked_at = '2024-03-06'")
    deleting = at("write", lambda: shrink(database, "link_click_analytics", 1))
    report = run_all(database.settings(), before=deleting)
    assert (report.inserted, report.updated, report.gone) == (1, 99, 0)
    assert stored(database) == reference(database)
