"""`migrate` over the tables of a version that knew neither readings nor definitions."""

from pathlib import Path

import pytest

import schema.migrations.versions
from pipeline.migrate import migrate, pending_sql, problems
from pipeline.run import run_all, run_named
from schema.migrations import sql_beside, without_keys_to
from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import named, world_drawn
from tests.engines import assert_exact, stored, stored_readings
from tests.integration.test_migrate import catalog

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-10-30 09:00
    B           | J   | 2026-10-30 09:00

    link | application | link function
    a    | A           | Resume

    link | clicked at
    a    | 2026-10-31 01:30
    """
).world
TOKYO = "Asia/Tokyo"
VERSIONS = str(Path(schema.migrations.versions.__path__[0]) / "r0003")
BEFORE = (
    "create_link_click_analytics", "create_clickstats_runs", "number_clickstats_runs"
)  # fmt: skip
# what was there of them, but for the number of the revision
PUBLISHED = f"""
    insert into clickstats_runs (
        id, started_at, finished_at, command, options, version, rules, timezone, snapshot_at,
        outcome, exit_code, applications, clicks_read, host, pid
    )
    select gen_random_uuid(), now(), now(), 'run --all', '{{}}', '0.0.9', 'rules', '{TOKYO}', now(),
        'published', 0, 2, 1, 'here', 1
"""
ROWS = "select application_id, xmin::text, ctid from link_click_analytics order by 1"
VIEWS = """
    alter table job_applications rename to b; create view job_applications as select * from b;
    alter table jobs rename to j; create view jobs as select * from j
"""


def of_before(database: Database, keyless: tuple[str, ...] = ()) -> None:
    """Its tables, with a run in Tokyo."""
    for name in BEFORE:
        database.execute(without_keys_to(sql_beside(VERSIONS, name), keyless))
    database.execute(
        "create table clickstats_migrations (version_num varchar(32) primary key);"
        "insert into clickstats_migrations values ('0003')"
    )
    database.execute(PUBLISHED)


@pytest.fixture
def older(unmigrated: Database) -> Database:
    unmigrated.load(WORLD)
    return unmigrated


@pytest.mark.parametrize("views", ["no views", "views before", "views since"])
def test_what_check_says_migrate_mends(older: Database, database: Database, views: str) -> None:
    if views == "views before":
        older.execute(VIEWS)
    of_before(older, ("jobs", "job_applications") if views == "views before" else ())
    if views == "views since":
        older.execute(VIEWS)
    found = problems(older.settings())
    assert found
    assert all("clickstats migrate" in problem or "lacks: column" in problem for problem in found)
    assert clickstats("run", "--all", database=older).code == 5

    script = pending_sql(older.settings())
    done = migrate(older.settings())
    assert done[0].startswith("0004 ")
    assert ("REFERENCES job_applications" in script) == (views == "no views")
    assert problems(older.settings()) == []
    assert migrate(older.settings()) == []
    if views == "no views":
        for table in ("link_click_analytics", "link_click_readings", "clickstats_runs"):
            assert catalog(older, table) == catalog(database, table)


@pytest.mark.parametrize("views", [False, True])
def test_the_next_run_goes_on_where_the_last_one_ended(older: Database, views: bool) -> None:
    """In its zone; it fills the new table, and writes nothing else."""
    of_before(older)
    if views:
        older.execute(VIEWS)
    migrate(older.settings())
    run_named(older.settings(), [str(named("A")), str(named("B"))])
    older.execute("truncate link_click_readings")
    rows = older.execute(ROWS)
    report = run_all(older.settings())
    assert (report.timezone, report.unchanged, report.readings_written) == (TOKYO, 2, 1)
    assert not [warning for warning in report.warnings if "another definition" in warning]
    assert older.execute(ROWS) == rows
    assert_exact(older, TOKYO)
    assert older.execute("select count(*) from application_scores") == [(2,)]


def test_readings_of_applications_that_had_none_are_no_change_of_scores(older: Database) -> None:
    """A named run has stored readings of another one."""
    older.execute(
        "insert into link_tracking (tracking_id, application_id, link_function)"
        " values ('b', %s, 'Resume')",
        (str(named("B")),),
    )
    older.execute("insert into link_clicks (tracking_id, clicked_at) values ('b', '2026-10-31')")
    of_before(older)
    migrate(older.settings())
    run_named(older.settings(), [str(named("A")), str(named("B"))])
    older.execute("delete from link_click_readings")
    for name in "AB":
        run_named(older.settings(), [str(named(name))])
    older.execute("delete from link_click_readings where application_id = %s", (str(named("B")),))
    run_all(older.settings())
    assert_exact(older, TOKYO)
    assert older.execute("select count(*) from link_click_score_changes") == [(0,)]
    older.execute("delete from link_clicks where tracking_id = 'b'")
    assert run_all(older.settings()).score_changes == 1


def test_over_views_the_readings_of_what_is_gone_go(older: Database) -> None:
    older.execute(VIEWS)
    of_before(older, ("jobs", "job_applications"))
    migrate(older.settings())
    run_all(older.settings())
    assert set(stored_readings(older)) == {named("A")}
    older.execute("delete from b where id = %s", (str(named("A")),))
    report = run_all(older.settings())
    assert (report.deleted, report.readings_deleted) == (1, 1)
    assert (set(stored(older)), stored_readings(older)) == ({named("B")}, {})
