"""Whatever the interleaving of runs, a result from an older snapshot never replaces a newer one.

One run is stopped before a step of pipeline.run; what the others do meanwhile, they do in full.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from hashlib import md5
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from pipeline.errors import ConfigurationError
from pipeline.run import Options, run_all, run_named
from pipeline.run_steps import Step
from tests.databases import Database
from tests.engines import assert_exact, reference, stored
from tests.faults.conftest import SOURCE
from tests.holds import at, until_stopped

# `t1` is a link of the stored application 1, which the edits gave a click; `new41` is the link of
# application 41, which is not stored yet.
STORED, NEW, OTHER = "application1", "application41", "application3"
WITHOUT_ITS_NEW_CLICK = "delete from stored_clicks where clicked_at = '2024-04-01' and tracking_id"

AFTER_THE_GATE: list[Step] = ["snapshot", "audit", "commit"]

StoppedBefore = Callable[[Step, Callable[..., Any]], AbstractContextManager["Future[Any]"]]


@pytest.fixture
def stopped_before(aside: ThreadPoolExecutor) -> StoppedBefore:
    """A run that has come to the step; it goes on when this is left."""

    @contextmanager
    def stopped_before(step: Step, run: Callable[..., Any]) -> Iterator["Future[Any]"]:
        reached, go = Event(), Event()

        def stop() -> None:
            reached.set()
            assert go.wait(60)

        running = aside.submit(run, before=at(step, stop))
        try:
            assert reached.wait(15) or running.result()
            yield running
        finally:
            go.set()

    return stopped_before


@pytest.fixture
def whole(database: Database) -> Callable[..., Any]:
    return lambda **hooks: run_all(database.settings(), **hooks)


@pytest.fixture
def one(database: Database) -> Callable[..., Any]:
    return lambda name, **hooks: run_named(database.settings(), [str(uuid(name))], **hooks)


def uuid(name: str) -> UUID:
    return UUID(md5(name.encode(), usedforsecurity=False).hexdigest())


def test_a_newer_confirmation_keeps_a_stale_row_out(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any
) -> None:
    """`--all` has read a click; it is deleted; `--app-id` confirms the row that is stored."""
    with stopped_before("write", whole) as running:
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 't1'")
        one(STORED)
    report = running.result()
    assert (report.newer, report.inserted, report.updated) == (1, 10, 9)
    assert_exact(database)


def test_the_mirror_case(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any, aside: Any
) -> None:
    """`--app-id` has read a click; it is deleted; `--all` would find that nothing has changed."""
    with stopped_before("write", partial(one, STORED)) as running:
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 't1'")
        beside = aside.submit(whole)
        until_stopped(database)
    running.result()
    assert beside.result().newer == 0
    assert_exact(database)


def test_a_row_that_is_newly_inserted(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any
) -> None:
    with stopped_before("write", whole) as running:
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 'new41'")
        one(NEW)
    report = running.result()
    assert (report.newer, report.inserted, report.updated) == (1, 9, 10)
    assert_exact(database)


@pytest.mark.parametrize("step", ["gate", "snapshot", "audit"])
def test_all_sees_what_was_confirmed_before_its_instant(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any, aside: Any, step: Step
) -> None:
    """Its snapshot is not older than its instant, wherever it had to wait."""
    with stopped_before(step, whole) as running:
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 't1'")
        beside = aside.submit(one, STORED)
        if step == "snapshot":
            until_stopped(database)
        else:
            beside.result()
    running.result()
    beside.result()
    assert_exact(database)


def test_a_named_run_sees_what_was_published_before_its_instant(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any
) -> None:
    with stopped_before("gate", partial(one, STORED)) as running:
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 't1'")
        whole()
    running.result()
    assert_exact(database)


def test_named_runs_of_one_application_follow_one_another(
    database: Database, stopped_before: StoppedBefore, one: Any, aside: Any
) -> None:
    """The second waits, and then sees what happened while it waited."""
    with stopped_before("write", partial(one, STORED)) as running:
        beside = aside.submit(one, STORED)
        until_stopped(database)
        database.execute(f"{WITHOUT_ITS_NEW_CLICK} = 't1'")
    running.result()
    beside.result()
    assert stored(database)[uuid(STORED)] == reference(database)[uuid(STORED)]


def test_named_runs_of_two_applications_run_side_by_side(
    database: Database, stopped_before: StoppedBefore, one: Any
) -> None:
    with stopped_before("write", partial(one, STORED)) as running:
        one(OTHER)
        assert not running.done()


def test_named_runs_go_on_while_all_reads_and_writes(
    database: Database, stopped_before: StoppedBefore, whole: Any, one: Any
) -> None:
    steps: list[Step] = ["audit", "write"]
    for step in steps:
        with stopped_before(step, whole) as running:
            one(OTHER)
            assert not running.done()
        running.result()
    assert_exact(database)


@pytest.mark.parametrize("options", [Options(), Options(full=True)], ids=["changes", "full"])
def test_a_newer_confirmation_stays(
    database: Database, stopped_before: StoppedBefore, one: Any, options: Options
) -> None:
    """`--app-id` says so even when nothing has changed; no older run takes it back."""
    run_all(database.settings())
    with stopped_before("write", partial(run_all, database.settings(), options)) as running:
        one(STORED)
        [(confirmed,)] = calculated(database, STORED)
    report = running.result()
    assert calculated(database, STORED) == [(confirmed,)]
    assert confirmed > report.snapshot_at
    assert report.newer == int(options.full)


MACHINE = "update stored_clicks set user_agent = 'curl/8' where tracking_id = %s"
HUMAN = "update stored_clicks set user_agent = null where tracking_id = %s"
# what a run would do to the readings of an application: the edit that it sees before it is stopped,
# and the edit that only the other run sees, which wants the opposite
READINGS_ALONE = {
    "update": (MACHINE, HUMAN),
    "update back": (HUMAN, MACHINE),
    "insert": (
        "delete from link_click_readings where application_id = md5('application1')::uuid",
        "update stored_clicks set clicked_at = 'infinity' where tracking_id in"
        " (select tracking_id from link_tracking where application_id"
        " = (select application_id from link_tracking where tracking_id = %s))",
    ),
    "delete": (
        "update stored_clicks set clicked_at = null where tracking_id in"
        " (select tracking_id from link_tracking where application_id"
        " = (select application_id from link_tracking where tracking_id = %s))",
        "update stored_clicks set clicked_at = '2024-04-02', user_agent = 'curl/8'"
        " where tracking_id = %s",
    ),
}


@pytest.mark.parametrize(("before", "meanwhile"), READINGS_ALONE.values(), ids=READINGS_ALONE)
@pytest.mark.parametrize("stopped", ["all", "named"])
def test_newer_readings_stay(
    database: Database,
    stopped_before: StoppedBefore,
    whole: Any,
    one: Any,
    aside: Any,
    before: str,
    meanwhile: str,
    stopped: str,
) -> None:
    run_all(database.settings())
    database.execute(before, ("t1",) if "%s" in before else None)
    runs = [whole, partial(one, STORED)]
    first, second = runs if stopped == "all" else reversed(runs)
    with stopped_before("write", first) as running:
        database.execute(meanwhile, ("t1",))
        beside = aside.submit(second)
        if stopped == "all":
            beside.result()
        else:
            until_stopped(database)
    running.result()
    beside.result()
    assert_exact(database)


def test_an_application_that_goes_and_comes_back(
    database: Database, stopped_before: StoppedBefore, whole: Any
) -> None:
    """Its row and its readings go with it. A run that found only the row wrong writes both."""
    run_all(database.settings())
    ours = f"application_id = '{uuid(STORED)}'"
    database.execute(f"update link_click_analytics set engagement_score = 1 where {ours}")
    with stopped_before("write", whole) as running:
        database.execute(f"""
            create table gone as select * from job_applications where id = '{uuid(STORED)}';
            create table links_of_it as select * from link_tracking where {ours};
            delete from job_applications where id = '{uuid(STORED)}';
            insert into job_applications select * from gone;
            update link_tracking as t set application_id = l.application_id
            from links_of_it as l where l.tracking_id = t.tracking_id""")
    running.result()
    assert_exact(database)


def test_what_goes_while_it_is_computed_is_not_shown(
    database: Database, stopped_before: StoppedBefore
) -> None:
    named = partial(run_named, database.settings(), [str(uuid(STORED)), str(uuid(OTHER))])
    with stopped_before("write", named) as running:
        database.execute(
            f"delete from job_applications where id = '{uuid(STORED)}';"
            "delete from jobs where id = (select job_id from job_applications"
            f" where id = '{uuid(OTHER)}')"
        )
    rows, unknown = running.result()
    assert rows.select("application_id", "job_id").rows() == [(str(uuid(OTHER)), None)]
    assert unknown == [str(uuid(STORED))]


def test_a_named_run_waits_for_another_definition(
    database: Database, stopped_before: StoppedBefore, one: Any, aside: Any
) -> None:
    """From the beginning to the commit of the run that publishes it; then it uses that one."""
    for step in AFTER_THE_GATE:
        run_all(database.settings(timezone="UTC"))
        kolkata = partial(run_all, database.settings(timezone="Asia/Kolkata"))
        with stopped_before(step, kolkata) as running:
            beside = aside.submit(one, STORED)
            until_stopped(database)
            assert not beside.done()
        running.result()
        beside.result()
        assert_exact(database, "Asia/Kolkata")


def test_another_definition_waits_for_a_named_run(
    database: Database, stopped_before: StoppedBefore, one: Any, aside: Any
) -> None:
    with stopped_before("write", partial(one, STORED)) as running:
        beside = aside.submit(run_all, database.settings(timezone="Asia/Kolkata"))
        until_stopped(database)
        assert not beside.done()
    running.result()
    beside.result()
    assert_exact(database, "Asia/Kolkata")


def test_a_named_run_waits_for_the_first_definition(
    empty: Database, stopped_before: StoppedBefore, aside: Any
) -> None:
    """Before it is published, it knows of none."""
    empty.execute(SOURCE)
    kolkata = partial(run_all, empty.settings(timezone="Asia/Kolkata"))
    with stopped_before("write", kolkata) as running:
        beside = aside.submit(run_named, empty.settings(), [str(uuid(STORED))])
        until_stopped(empty)
    running.result()
    beside.result()
    assert_exact(empty, "Asia/Kolkata")


def test_a_part_waits_for_a_named_run_of_another_definition(
    empty: Database, stopped_before: StoppedBefore
) -> None:
    """It would leave the rows of that one beside its own."""
    empty.execute(SOURCE)
    kolkata = partial(run_all, empty.settings(timezone="Asia/Kolkata"), Options(limit=3))
    with stopped_before("gate", kolkata) as running:
        run_named(empty.settings(), [str(uuid(STORED)), str(uuid(OTHER))])
    with pytest.raises(ConfigurationError, match="--limit would mix two definitions"):
        running.result()
    assert len(stored(empty)) == 2


def calculated(database: Database, name: str) -> list[tuple[Any, ...]]:
    return database.execute(
        "select calculated_at from link_click_analytics where application_id = %s",
        (str(uuid(name)),),
    )


@pytest.mark.parametrize(
    "calculated_at",
    ["null", "'infinity'", "'-infinity'", "now() at time zone 'UTC' + interval '2 hours'"],
    ids=["null", "infinite", "minus infinity", "local time"],
)
@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(False, id="before the run", marks=pytest.mark.slow),
        pytest.param(True, id="while it runs"),
    ],
)
def test_what_no_run_wrote_protects_nothing(
    database: Database,
    stopped_before: StoppedBefore,
    whole: Any,
    one: Any,
    calculated_at: str,
    meanwhile: bool,
) -> None:
    """Another program has written a row with an instant of its own."""
    foreign = f"""
        insert into link_click_analytics (application_id, intent_score, calculated_at)
        values (md5(%s)::uuid, 100, {calculated_at})
        on conflict (application_id) do update
            set intent_score = excluded.intent_score, calculated_at = excluded.calculated_at
    """
    if meanwhile:
        with stopped_before("write", whole) as running:
            database.execute(foreign, (STORED,))
            database.execute(foreign, (NEW,))
        report = running.result()
    else:
        database.execute(foreign, (STORED,))
        database.execute(foreign, (NEW,))
        report = whole()
    assert report.newer == report.gone == 0
    assert_exact(database)
