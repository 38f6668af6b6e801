"""Turning capture on and off beside writers, and beside whoever does the same."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from pipeline.capture import turn_off, turn_on
from pipeline.run import run_all
from tests.capturing import CLICK, WAITING, begun
from tests.databases import Database, fresh
from tests.engines import assert_exact
from tests.holds import at, until_stopped, until_waited_for

LOCK = "lock table {} in row exclusive mode"


@pytest.fixture
def plain(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """Without the points at which runs stop: there a source is a view."""
    with fresh(server_url, with_all_tables) as plain:
        yield plain


def test_two_at_once(plain: Database, aside: ThreadPoolExecutor) -> None:
    """The second one finds it done."""
    for turn in (turn_on, turn_off):
        with closing(plain.connect()) as writer, writer.cursor() as cursor:
            cursor.execute(LOCK.format("link_tracking"))
            both = [aside.submit(turn, plain.settings()) for _ in range(2)]
            until_stopped(plain, 2)
            writer.commit()
        assert sorted(one.result() for one in both) == [False, True]


def test_nobody_is_waited_for_where_it_is_on_already(plain: Database) -> None:
    turn_on(plain.settings())
    with closing(plain.connect()) as writer, writer.cursor() as cursor:
        cursor.execute("insert into link_clicks (tracking_id) values ('a')")
        assert not turn_on(plain.settings())


def test_no_writer_is_the_victim_of_a_deadlock(plain: Database, aside: ThreadPoolExecutor) -> None:
    """Not even one who has waited for longest when the circle would close."""
    with (
        closing(plain.connect()) as one,
        closing(plain.connect()) as other,
        one.cursor() as of_one,
        other.cursor() as of_other,
    ):
        of_one.execute(LOCK.format("jobs"))
        of_other.execute(LOCK.format("link_tracking"))
        turned = aside.submit(turn_on, plain.settings())
        until_stopped(plain)
        waiting = aside.submit(of_other.execute, LOCK.format("job_applications"))
        time.sleep(0.5)
        one.commit()
        waiting.result()
        other.commit()
        assert turned.result()


def test_who_waits_for_what_a_run_has_read_keeps_it_from_nothing(
    plain: Database, aside: ThreadPoolExecutor
) -> None:
    """To forget what it has done it asks no table of the source."""
    begun(plain)
    plain.execute(CLICK, ("a",))
    waiting: list[Future[object]] = []

    def alter() -> None:
        waiting.append(aside.submit(plain.execute, "alter table link_tracking add other text"))
        until_waited_for(plain, "link_tracking")

    # over one connection, which holds what it has read until the end
    settings = plain.by_copy().settings(lock_timeout=60)
    aside.submit(run_all, settings, before=at("write", alter)).result(20)
    waiting[0].result(20)
    assert plain.execute(WAITING) == [(0,)]
    assert_exact(plain)
