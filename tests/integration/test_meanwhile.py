"""What others do between a run's reading and its writing: the steps are held apart."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg2.extensions import connection

from pipeline.database.connection import Connection
from pipeline.errors import NoConnection
from pipeline.load import Written, write
from pipeline.run import run_all, run_named
from tests.databases import Database
from tests.drawings import named, world_drawn
from tests.engines import reference, stored
from tests.waiting import wait_until

A, B = named("A"), named("B")
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Resume

    link | clicked at
    a    | 2024-03-04 10:00
    b    | 2024-03-04 10:00
    """
).world
EVENTS = {
    "an application is deleted": (f"delete from job_applications where id = '{A}'", 1),
    "all applications are deleted": ("delete from job_applications", 2),
    "a job is deleted": ("delete from jobs", 0),
}
BLOCKED = """
    select count(*) from pg_stat_activity
    where datname = current_database() and query like 'SELECT pg_sleep%'
    and application_name like 'clickstats/%'
"""

Meanwhile = Callable[[Callable[[connection], object]], None]


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done once the run has read and computed, before it writes."""

    def arrange(event: Callable[[connection], object]) -> None:
        def held(writer: Connection, *arguments: Any) -> Written:
            event(writer)
            return write(writer, *arguments)

        monkeypatch.setattr("pipeline.run.write", held)

    return arrange


@pytest.fixture
def other(filled: Database) -> Iterator[connection]:
    """Somebody else's connection."""
    with closing(filled.connect()) as other:
        yield other


@pytest.mark.parametrize(("event", "gone"), EVENTS.values(), ids=EVENTS.keys())
@pytest.mark.parametrize("known", [False, True], ids=["new rows", "stored rows"])
def test_what_is_deleted_is_dropped_or_nulled(
    filled: Database, meanwhile: Meanwhile, event: str, gone: int, known: bool
) -> None:
    """The run succeeds, whether it would have inserted the rows or updated them."""
    if known:
        run_all(filled.settings())
        filled.execute("update link_clicks set clicked_at = '2024-03-04 11:00'")
    meanwhile(lambda writer: filled.execute(event))
    report = run_all(filled.settings())
    assert report.gone == gone
    assert report.inserted + report.updated == 2 - gone
    assert stored(filled) == reference(filled)


@pytest.mark.parametrize(("event", "gone"), EVENTS.values(), ids=EVENTS.keys())
def test_named_applications_too(
    filled: Database, meanwhile: Meanwhile, event: str, gone: int
) -> None:
    meanwhile(lambda writer: filled.execute(event))
    run_named(filled.settings(), [str(A), str(B)])
    assert len(stored(filled)) == 2 - gone
    assert stored(filled) == reference(filled)


def test_an_application_deleted_together_with_its_job(
    filled: Database, meanwhile: Meanwhile
) -> None:
    meanwhile(
        lambda writer: filled.execute(
            f"delete from job_applications where id = '{A}'; delete from jobs"
        )
    )
    report = run_all(filled.settings())
    assert (report.inserted, report.gone) == (1, 1)
    assert stored(filled) == reference(filled)


def test_what_comes_later_waits_for_the_next_run(filled: Database, meanwhile: Meanwhile) -> None:
    """The run writes what its snapshot says."""
    snapshot = reference(filled)
    meanwhile(
        lambda writer: filled.execute(
            f"insert into job_applications (id) values ('{named('C')}');"
            "insert into link_clicks (tracking_id, clicked_at) values ('a', '2024-03-04 09:30')"
        )
    )
    run_all(filled.settings())
    assert stored(filled) == snapshot
    meanwhile(lambda writer: None)
    run_all(filled.settings())
    assert stored(filled) == reference(filled) != snapshot


def test_a_row_that_another_program_has_added_is_overwritten(
    filled: Database, meanwhile: Meanwhile
) -> None:
    meanwhile(
        lambda writer: filled.execute(
            "insert into link_click_analytics (application_id, total_click_events, calculated_at)"
            f" values ('{A}', 99, '2000-01-01')"
        )
    )
    report = run_all(filled.settings())
    assert stored(filled) == reference(filled)
    stamps = "select distinct updated_at, calculated_at from link_click_analytics"
    assert filled.execute(stamps) == [(report.snapshot_at, report.snapshot_at)]


def test_a_deletion_under_way_is_waited_for(
    filled: Database, meanwhile: Meanwhile, other: connection
) -> None:
    """The deletion is not committed yet when the run starts to write."""
    with other.cursor() as cursor:
        cursor.execute("delete from job_applications where id = %s", (str(A),))

    def commit() -> None:
        wait_until(lambda: filled.execute(BLOCKED) == [(1,)])
        other.commit()

    committing = threading.Thread(target=commit)
    meanwhile(lambda writer: committing.start())
    report = run_all(filled.settings())
    committing.join()
    assert (report.inserted, report.gone) == (1, 1)
    assert stored(filled) == reference(filled)


def test_another_program_is_not_drawn_into_a_deadlock(
    filled: Database, meanwhile: Meanwhile, other: connection
) -> None:
    """It locks the rows in the opposite order; the run lets go and tries again."""
    run_all(filled.settings())
    filled.execute("update link_clicks set clicked_at = '2024-03-04 11:00'")
    first, last = sorted((str(A), str(B)))
    lock = "select from link_click_analytics where application_id = %s for update"
    with other.cursor() as cursor:
        cursor.execute(lock, (last,))

    def cross() -> None:
        wait_until(lambda: filled.execute(BLOCKED) == [(1,)])
        with other.cursor() as cursor:
            cursor.execute(lock, (first,))
        other.commit()

    crossing = threading.Thread(target=cross)
    meanwhile(lambda writer: crossing.start())
    report = run_all(filled.settings())
    crossing.join()
    assert report.updated == 2
    assert stored(filled) == reference(filled)


def test_a_lost_connection_leaves_everything_as_it_was(
    filled: Database, meanwhile: Meanwhile
) -> None:
    run_all(filled.settings())
    before = stored(filled)
    filled.execute("delete from link_clicks where tracking_id = 'a'")
    meanwhile(
        lambda writer: filled.execute("select pg_terminate_backend(%s)", (writer.info.backend_pid,))
    )
    with pytest.raises(NoConnection, match="lost"):
        run_all(filled.settings())
    assert stored(filled) == before != reference(filled)
    meanwhile(lambda writer: None)
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
