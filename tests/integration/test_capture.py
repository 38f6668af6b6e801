"""What change capture notes, for whom, and what is told when it misses something."""

from contextlib import closing

import psycopg2
import pytest

from pipeline.capture import FUNCTIONS, Capture, state, turn_off, turn_on
from pipeline.changed import run_changed
from pipeline.errors import ConfigurationError
from pipeline.migrate import problems as missing
from pipeline.run import run_all
from tests.capturing import WORLD, A, B, C, J, K, L, noted
from tests.commands import clickstats
from tests.databases import LEAST, Database, skipped_without_icu

EVERYTHING = ["everything"]
MANY = """
    insert into link_clicks (tracking_id, clicked_at)
    select 'nobody''s ' || n, '2026-03-05' from generate_series(1, {}) as n
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into link_clicks (tracking_id) values ('a'), ('a'), ('b')", ["a", "b"]),
        ("insert into link_clicks (tracking_id) values (null)", []),
        ("insert into link_clicks (tracking_id) select 'a' where false", []),
        ("update link_clicks set tracking_id = 'b' where tracking_id = 'a'", ["a", "b"]),
        ("update link_clicks set user_agent = 'curl/8' where tracking_id = 'a'", ["a"]),
        ("delete from link_clicks where tracking_id = 'b'", ["b"]),
        ("truncate link_clicks", EVERYTHING),
        ("insert into link_tracking values ('c', '{A}', 'Resume'), ('d', null, 'Resume')", ["{A}"]),
        (
            "update link_tracking set application_id = '{B}' where tracking_id = 'a'",
            ["{A}", "{B}"],
        ),
        ("update link_tracking set application_id = '{B}' where tracking_id = 'none'", ["{B}"]),
        ("update link_tracking set link_function = 'Resume' where tracking_id = 'a'", ["{A}"]),
        ("update link_tracking set tracking_id = 'z' where tracking_id = 'a'", ["{A}"]),
        ("update link_tracking set is_active = false", []),
        ("delete from link_tracking where tracking_id = 'a'", ["{A}"]),
        ("truncate link_tracking", EVERYTHING),
        ("insert into job_applications values ('{C}', '{J}')", ["{C}"]),
        ("update job_applications set created_at = '2026-03-01' where id = '{A}'", ["{A}"]),
        ("update job_applications set job_id = '{K}' where id = '{A}'", ["{A}"]),
        ("update job_applications set application_status = 'rejected'", []),
        ("delete from job_applications where id = '{B}'", ["{B}"]),
        ("truncate job_applications cascade", EVERYTHING),
        ("insert into jobs values ('{L}')", ["{L}"]),
        ("update jobs set id = '{L}' where id = '{J}'", ["{J}", "{L}"]),
        ("update jobs set title = 'Gardener'", []),
        ("delete from jobs where id = '{J}'", ["{J}"]),
        (MANY.format(10_000), None),
        (MANY.format(10_001), EVERYTHING),
    ],
)
def test_each_statement_notes_what_it_touches(
    captured: Database, statement: str, expected: list[str] | None
) -> None:
    ids = {"A": A, "B": B, "C": C, "J": J, "K": K, "L": L}
    captured.execute(statement.format(**ids))
    found = noted(captured)
    if expected is None:
        assert len(found) == 10_000
    else:
        assert found == sorted(name.format(**ids) for name in expected)


def test_functions_are_known_again_where_all_identifiers_are_quoted(database: Database) -> None:
    database.execute(f"alter database {database.name} set quote_all_identifiers = on")
    turn_on(database.settings())
    assert state(database.settings()).problems == ()


def test_another_case_is_another_function_by_any_collation(database: Database) -> None:
    """Also where the two are equal by the collation of the column."""
    with skipped_without_icu():
        database.execute(
            "create collation loose"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    database.load(WORLD)
    database.execute("alter table link_tracking alter link_function type text collate loose")
    turn_on(database.settings())
    database.execute("truncate clickstats_changes")
    database.execute("update link_tracking set link_function = 'LINKEDIN' where tracking_id = 'a'")
    assert noted(database) == [A]


def test_a_rolled_back_change_is_none(captured: Database) -> None:
    with closing(captured.connect()) as own, own.cursor() as cursor:
        cursor.execute("insert into link_clicks (tracking_id) values ('a')")
        own.rollback()
    assert noted(captured) == []


def test_it_can_be_turned_on_and_off_again_and_again(database: Database) -> None:
    database.load(WORLD)
    settings = database.settings()
    assert state(settings) == Capture(is_on=False)
    assert not turn_off(settings)
    assert turn_on(settings)
    assert not turn_on(settings)
    found = state(settings)
    assert (found.is_on, found.problems, found.changes) == (True, (), 1)  # everything
    assert found.since
    assert turn_off(settings)
    assert database.execute("select tgname from pg_trigger where not tgisinternal") == []
    assert database.execute("select proname from pg_proc where proname ~ 'clickstats'") == []
    assert database.execute("select to_regclass('clickstats_changes')") == [(None,)]


def test_a_foreign_key_tells_of_jobs(database: Database) -> None:
    """The applications of a job that goes are changed by the key; the job needs no trigger."""
    database.load(WORLD)
    database.execute(
        "alter table job_applications add foreign key (job_id) references jobs on delete set null"
    )
    turn_on(database.settings())
    database.execute("truncate clickstats_changes")
    database.execute("delete from jobs where id = %s", (J,))
    assert noted(database) == sorted([A, B])
    database.execute("create table old_applications () inherits (job_applications)")  # has no key
    assert state(database.settings()).problems
    turn_on(database.settings())
    database.execute("truncate clickstats_changes")
    database.execute("insert into jobs values (%s)", (L,))
    assert noted(database) == [L]


@pytest.mark.parametrize(
    "key",
    [
        "(job_id) references jobs (public_id)",
        "(job_id) references jobs (id) deferrable",
        "(job_id) references jobs (id) not valid",
        "(job_id) references jobs (id) not enforced",
        "(job_id) references jobs (id);"
        "alter table job_applications alter constraint job_applications_job_id_fkey not enforced",
        "(posted_job_id) references jobs (id)",
    ],
)
def test_another_foreign_key_does_not(database: Database, key: str) -> None:
    if "enforced" in key and database.server_version < 180_000:
        pytest.skip("foreign keys that are not enforced are new in PostgreSQL 18")
    database.execute(
        "alter table jobs add public_id uuid unique;"
        "alter table job_applications add posted_job_id uuid;"
        f"alter table job_applications add foreign key {key}"
    )
    turn_on(database.settings())
    database.execute("truncate clickstats_changes")
    database.execute("insert into jobs values (%s)", (L,))
    assert noted(database) == [L]


def test_writers_need_no_further_right(captured: Database, role: str) -> None:
    captured.execute(f"grant insert, delete on link_clicks, link_tracking to {role}")
    captured.execute(f"grant usage on sequence link_clicks_click_id_seq to {role}")
    writer = captured.seen_by(role, role)
    writer.execute("insert into link_clicks (tracking_id) values ('a')")
    assert noted(captured) == ["a"]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        writer.execute("select from clickstats_changes")


def test_nobody_else_can_make_triggers_that_note(captured: Database, role: str) -> None:
    captured.execute(f"grant create on schema public to {role}")
    other = captured.seen_by(role, role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        other.execute(
            "create table theirs (tracking_id text);"
            "create trigger t after insert on theirs referencing new table as come"
            " for each statement execute function clickstats_capture_clicks()"
        )


def test_a_function_of_the_writer_takes_no_part(captured: Database, role: str) -> None:
    """The functions run with their owner's rights and look nothing up where writers can write."""
    captured.execute(f"grant insert on link_clicks to {role}; create schema theirs")
    captured.execute(f"grant all on schema theirs to {role}")
    captured.execute(f"grant usage on sequence link_clicks_click_id_seq to {role}")
    with closing(captured.seen_by(role, role).connect()) as own, own.cursor() as cursor:
        cursor.execute("create table theirs.clickstats_changes (tracking_id text)")
        cursor.execute("create temporary table clickstats_changes (tracking_id text)")
        cursor.execute("set search_path = theirs, pg_temp, public")
        cursor.execute("insert into link_clicks (tracking_id) values ('a')")
        own.commit()
    assert noted(captured) == ["a"]


def test_who_may_write_the_target_may_take_the_changes(database: Database, role: str) -> None:
    database.execute(LEAST.format(role=role))
    turn_on(database.settings())
    assert missing(database.seen_by(role, role).settings()) == []
    database.execute(f"revoke delete on clickstats_changes from {role}")
    assert missing(database.seen_by(role, role).settings()) == [
        f"{role} lacks DELETE on clickstats_changes: GRANT DELETE ON clickstats_changes TO {role}"
    ]


def test_a_publication_of_all_tables_is_not_in_the_way(captured: Database) -> None:
    run_all(captured.settings())
    captured.execute("create publication everything for all tables")
    captured.execute("insert into link_clicks (tracking_id) values ('a')")
    run_all(captured.settings())
    assert noted(captured) == []


@pytest.fixture
def broken(captured: Database) -> Database:
    captured.execute("alter table link_clicks disable trigger clickstats_capture_insert")
    captured.execute("drop trigger clickstats_capture_delete on link_tracking")
    return captured


def test_what_it_misses_is_told_and_mended(broken: Database) -> None:
    assert state(broken.settings()).problems == (
        "the trigger that tells of each insert on link_clicks is disabled",
        "no trigger tells of each delete on link_tracking",
    )
    assert turn_on(broken.settings())
    assert state(broken.settings()).problems == ()
    assert noted(broken) == ["everything"]


@pytest.mark.parametrize("live", ["live", 'Live "one", really'])
def test_a_schema_that_was_renamed(captured: Database, live: str) -> None:
    """The functions go on writing to the schema of the old name."""
    quoted = '"' + live.replace('"', '""') + '"'
    captured.execute(f"alter schema public rename to {quoted}")
    settings = captured.settings(schema=live)
    assert [one for one in state(settings).problems if "clicks()" in one] == [
        "clickstats_capture_clicks() notes changes in another schema"
    ]
    with pytest.raises(
        ConfigurationError, match="in another schema; `clickstats capture on` mends"
    ):
        run_changed(settings)
    assert turn_on(settings)
    assert state(settings).problems == ()
    captured.execute(f"insert into {quoted}.link_clicks (tracking_id) values ('a')")
    assert state(settings).changes == 2
    assert not turn_on(settings)


def test_tables_that_were_moved_to_another_schema(captured: Database) -> None:
    """The functions stay where they are, and their triggers go along."""
    captured.execute("create schema live")
    for table in (*FUNCTIONS, "clickstats_changes", "link_click_analytics", "clickstats_runs"):
        captured.execute(f"alter table {table} set schema live")
    settings = captured.settings(schema="live")
    assert [one for one in state(settings).problems if "clicks()" in one] == [
        "public.clickstats_capture_clicks() notes changes in another schema"
    ]
    assert turn_on(settings)
    captured.execute("insert into live.link_clicks (tracking_id) values ('a')")
    found = state(settings)
    assert (found.problems, found.changes) == ((), 2)


def test_changes_that_a_crash_would_lose(captured: Database) -> None:
    captured.execute("alter table clickstats_changes set unlogged")
    told = "clickstats_changes is UNLOGGED, and a crash or a failover empties it"
    assert state(captured.settings()).problems == (told,)
    with pytest.raises(ConfigurationError, match=told):
        run_changed(captured.settings())
    assert turn_on(captured.settings())
    assert (state(captured.settings()).problems, noted(captured)) == ((), EVERYTHING)


@pytest.mark.parametrize("table", ["link_click_analytics", "link_click_readings"])
def test_rows_that_a_crash_would_lose(captured: Database, table: str) -> None:
    """A named run after it would hide from the next round that the others are missing."""
    captured.execute(f"alter table {table} set unlogged")
    told = f"{table} is UNLOGGED, and a crash or a failover empties it"
    assert state(captured.settings()).problems == (told,)
    for refused in (run_changed, turn_on):
        with pytest.raises(ConfigurationError, match=told):
            refused(captured.settings())
    captured.execute(f"alter table {table} set logged")
    assert state(captured.settings()).problems == ()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            "create function keep_out() returns trigger language plpgsql"
            " as 'begin return null; end';"
            "create trigger stop before insert on clickstats_changes"
            " for each row execute function keep_out()",
            "trigger stop",
        ),
        ("create rule stop as on insert to clickstats_changes do instead nothing", "rule stop"),
    ],
)
def test_changes_that_are_kept_out(captured: Database, made: str, told: str) -> None:
    captured.execute(made)
    captured.execute("insert into link_clicks (tracking_id) values ('a')")
    assert noted(captured) == []
    told += " may keep changes out of clickstats_changes"
    assert state(captured.settings()).problems == (told,)
    with pytest.raises(ConfigurationError, match=told):
        run_changed(captured.settings())
    assert turn_on(captured.settings())
    assert (state(captured.settings()).problems, noted(captured)) == ((), EVERYTHING)


def test_functions_of_another_version(captured: Database) -> None:
    captured.execute(
        "create or replace function clickstats_capture_links() returns trigger language plpgsql"
        " security definer set search_path = public, pg_temp as 'begin return null; end'"
    )
    assert state(captured.settings()).problems == (
        "clickstats_capture_links() is of another version of clickstats",
    )
    assert turn_on(captured.settings())
    assert state(captured.settings()).problems == ()
    assert noted(captured) == EVERYTHING


def test_the_command(database: Database) -> None:
    database.load(WORLD)

    def said(*arguments: str) -> str:
        return clickstats(*arguments, database=database).text

    assert said("capture", "status") == "Change capture is off.\n"
    on = said("capture", "on")
    assert on.startswith("Change capture is on.\n1 change to be computed by ")
    assert said("capture", "on").startswith("Change capture is already on.")
    assert "applications" in said("run", "--changed")
    assert said("capture", "status") == "Change capture is on.\nNo change waits.\n"
    assert said("run", "--changed").startswith("Nothing has changed by 20")
    assert said("capture", "off") == "Change capture is off.\n"
    refused = clickstats("run", "--changed", database=database)
    assert (refused.code, "change capture is off" in refused.errors) == (2, True)
