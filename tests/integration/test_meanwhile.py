"""What others do between a run's reading and its writing: the steps are held apart."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import polars as pl
import pytest
from psycopg2.extensions import connection

from pipeline.database.connection import session, take_snapshot
from pipeline.database.transport import SnapshotReader
from pipeline.errors import NoConnection
from pipeline.lock import RUN
from pipeline.run import run_all, run_named
from pipeline.run_steps import Before
from pipeline.settings import Settings, Sizes
from tests.databases import Database
from tests.drawings import named
from tests.engines import assert_exact, reference, stored
from tests.holds import at
from tests.runs import WORLD, A, B
from tests.waiting import wait_until

EVENTS = {
    "an application is deleted": (f"delete from job_applications where id = '{A}'", 1),
    "all applications are deleted": ("delete from job_applications", 2),
    "a job is deleted": ("delete from jobs", 0),
}
TERMINATE_THE_WRITER = f"""
    select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = {RUN}
"""
BLOCKED = """
    select count(*) from pg_stat_activity
    where datname = current_database() and query like 'SELECT pg_sleep%'
    and application_name like 'clickstats/%'
"""


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def other(filled: Database) -> Iterator[connection]:
    """Somebody else's connection."""
    with closing(filled.connect()) as other:
        yield other


@pytest.mark.parametrize(("event", "gone"), EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("known", [False, True], ids=["new rows", "stored rows"])
def test_what_is_deleted_is_dropped_or_nulled(
    filled: Database, event: str, gone: int, known: bool
) -> None:
    """The run succeeds, whether it would have inserted the rows or updated them."""
    if known:
        run_all(filled.settings())
        filled.execute("update link_clicks set clicked_at = '2024-03-04 11:00'")
    meanwhile = at("write", lambda: filled.execute(event))
    report = run_all(filled.settings(), before=meanwhile)
    assert report.gone == gone
    assert report.inserted + report.updated == 2 - gone
    assert stored(filled) == reference(filled)


@pytest.mark.parametrize(("event", "gone"), EVENTS.values(), ids=EVENTS.keys())
def test_named_applications_too(filled: Database, event: str, gone: int) -> None:
    meanwhile = at("write", lambda: filled.execute(event))
    run_named(filled.settings(), [A, B], before=meanwhile)
    assert len(stored(filled)) == 2 - gone
    assert stored(filled) == reference(filled)


DEFERRED = """
alter table link_click_analytics
    alter constraint link_click_analytics_application_id_fkey deferrable initially deferred,
    alter constraint link_click_analytics_job_id_fkey deferrable initially deferred;
alter table link_click_readings
    alter constraint link_click_readings_application_id_fkey deferrable initially deferred;
"""
RUNS: dict[str, Callable[[Settings, Before], object]] = {
    "all": lambda settings, before: run_all(settings, before=before),
    "a first load": lambda settings, before: run_all(
        replace(settings, sizes=Sizes(first_load=1)), before=before
    ),
    "named": lambda settings, before: run_named(settings, [A, B], before=before),
}


@pytest.mark.parametrize("event", [event for event, _ in EVENTS.values()], ids=EVENTS.keys())
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_keys_that_wait_for_the_commit(
    filled: Database, event: str, run: Callable[[Settings, Before], object]
) -> None:
    """As some frameworks declare them: they say what is gone while the run can still drop it."""
    filled.execute(DEFERRED)
    run(filled.settings(), at("write", lambda: filled.execute(event)))
    assert_exact(filled)


def test_an_application_deleted_together_with_its_job(filled: Database) -> None:
    meanwhile = at(
        "write",
        lambda: filled.execute(f"delete from job_applications where id = '{A}'; delete from jobs"),
    )
    report = run_all(filled.settings(), before=meanwhile)
    assert (report.inserted, report.gone) == (1, 1)
    assert stored(filled) == reference(filled)


def test_what_comes_later_waits_for_the_next_run(filled: Database) -> None:
    """The run writes what its snapshot says."""
    snapshot = reference(filled)
    meanwhile = at(
        "write",
        lambda: filled.execute(
            f"insert into job_applications (id) values ('{named('C')}');"
            "insert into link_clicks (tracking_id, clicked_at) values ('a', '2024-03-04 09:30')"
        ),
    )
    run_all(filled.settings(), before=meanwhile)
    assert stored(filled) == snapshot
    run_all(filled.settings())
    assert stored(filled) == reference(filled) != snapshot


def test_a_row_that_another_program_has_added_is_overwritten(filled: Database) -> None:
    meanwhile = at(
        "write",
        lambda: filled.execute(
            "insert into link_click_analytics (application_id, total_click_events, calculated_at)"
            f" values ('{A}', 99, '2000-01-01')"
        ),
    )
    report = run_all(filled.settings(), before=meanwhile)
    assert stored(filled) == reference(filled)
    stamps = "select distinct updated_at, calculated_at from link_click_analytics"
    assert filled.execute(stamps) == [(report.snapshot_at, report.snapshot_at)]


def test_a_snapshot_outlives_what_is_read_ahead(filled: Database) -> None:
    """Where a write is repeated, all is read anew, over one connection where it is by COPY."""
    asleep = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event = 'PgSleep'
    """
    texts = ["SELECT 1::bigint AS n", "SELECT 2::bigint AS n FROM pg_sleep(1)"]
    with session(filled.settings(), snapshot=True) as connection:
        snapshot = take_snapshot(connection)
        reader = SnapshotReader(snapshot, filled.settings(), bulk=False)
        for _ in range(2):
            with closing(reader.frames(texts, pl.Schema({"n": pl.Int64}))) as frames:
                assert next(frames).item() == 1
                wait_until(lambda: filled.execute(asleep) == [(1,)])


def test_a_deletion_under_way_is_waited_for(filled: Database, other: connection) -> None:
    """The deletion is not committed yet when the run starts to write."""
    with other.cursor() as cursor:
        cursor.execute("delete from job_applications where id = %s", (A,))

    def commit() -> None:
        wait_until(lambda: filled.execute(BLOCKED) == [(1,)])
        other.commit()

    committing = threading.Thread(target=commit)
    meanwhile = at("write", committing.start)
    report = run_all(filled.settings(), before=meanwhile)
    committing.join()
    assert (report.inserted, report.gone) == (1, 1)
    assert stored(filled) == reference(filled)


def test_another_program_is_not_drawn_into_a_deadlock(filled: Database, other: connection) -> None:
    """It locks the rows in the opposite order; the run lets go and tries again."""
    run_all(filled.settings())
    filled.execute("update link_clicks set clicked_at = '2024-03-04 11:00'")
    first, last = sorted((A, B))
    lock = "select from link_click_analytics where application_id = %s for update"
    with other.cursor() as cursor:
        cursor.execute(lock, (last,))

    def cross() -> None:
        wait_until(lambda: filled.execute(BLOCKED) == [(1,)])
        with other.cursor() as cursor:
            cursor.execute(lock, (first,))
        other.commit()

    crossing = threading.Thread(target=cross)
    meanwhile = at("write", crossing.start)
    report = run_all(filled.settings(), before=meanwhile)
    crossing.join()
    assert report.updated == 2
    assert stored(filled) == reference(filled)


def test_a_lost_connection_leaves_everything_as_it_was(filled: Database) -> None:
    run_all(filled.settings())
    before = stored(filled)
    filled.execute("delete from link_clicks where tracking_id = 'a'")
    meanwhile = at("write", lambda: filled.execute(TERMINATE_THE_WRITER))
    with pytest.raises(NoConnection, match="lost"):
        run_all(filled.settings(), before=meanwhile)
    assert stored(filled) == before != reference(filled)
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
