"""One writer: who waits, who gives up, who must never be the victim."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic, sleep

import pytest
from psycopg2.extensions import connection
from psycopg2.extensions import cursor as AnyCursor

from pipeline.database.connection import session
from pipeline.database.waiting import in_turn
from pipeline.errors import Blocked, Locked, Refused
from pipeline.lock import RUN
from pipeline.run import Options, run_all
from pipeline.run_report import Advance
from pipeline.settings import Sizes
from tests.commands import as_process, clickstats
from tests.databases import Database
from tests.engines import reference, stored
from tests.holds import held, until_stopped, until_waited_for
from tests.processes import started
from tests.waiting import AT_ONCE, wait_until

slow = pytest.mark.slow

LOCK_IS_FREE = f"""
    select 1 where pg_try_advisory_xact_lock({RUN}, 'link_click_analytics'::regclass::oid::integer)
"""
# a run that has the lock and computes for ever: nothing of it is active at the server
COMPUTING = """
import sys
from pipeline.database.connection import session
from pipeline.lock import take_run_lock
from pipeline.settings import Settings

with session(Settings(sys.argv[1])) as writer:
    take_run_lock(writer, 0)
    print("computing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(database: Database) -> Iterator[connection]:
    """Another program's connection."""
    with closing(database.connect()) as other:
        yield other


def test_a_second_run_stops_at_once_and_says_who_holds_the_lock(database: Database) -> None:
    with held(database, "reading"), started(database.url, "run", "--all"):
        until_stopped(database)
        [(first, since)] = database.execute(
            "select id, started_at from clickstats_runs where outcome = 'running'"
        )
        since_asking = monotonic()
        with pytest.raises(Locked) as locked:
            run_all(database.settings())
        assert monotonic() - since_asking < AT_ONCE
        answer = as_process("run", "--all", "--format", "json", database=database)
    assert (answer.code, answer.text) == (75, "")
    for message in (str(locked.value), answer.errors):
        assert f"clickstats/{first}" in message
        assert f"since {since:%Y-%m-%d %H:%M}" in message
        assert "--wait" in message
    [(error,)] = database.execute(
        "select distinct error from clickstats_runs where outcome = 'failed' and exit_code = 75"
    )
    assert f"clickstats/{first}" in error


@slow
def test_the_holder_is_named_to_a_run_of_another_role(database: Database) -> None:
    database.execute("create role second_night login password 'x' in role pg_read_all_data")
    try:
        database.execute(
            "grant insert, update, delete on link_click_analytics, link_click_readings,"
            " link_click_score_changes,"
            " clickstats_runs to second_night"
        )
        second = database.seen_by("second_night", "x")
        with held(database, "reading"), started(database.url, "run", "--all"):
            until_stopped(database)
            with pytest.raises(Locked, match=r"clickstats/[0-9a-f-]{36}"):
                run_all(second.settings())
    finally:
        database.execute("drop owned by second_night; drop role second_night")


def test_waiting_for_the_lock(database: Database, aside: ThreadPoolExecutor) -> None:
    """The second run reads what the first has published: it writes nothing."""
    with held(database, "reading"):
        first = aside.submit(run_all, database.settings())
        until_stopped(database)
        second = aside.submit(run_all, database.settings(), Options(wait=30))
        until_stopped(database, sessions=2)
    assert first.result().updated == 10
    assert second.result().updated == second.result().inserted == 0
    assert second.result().snapshot_at > first.result().snapshot_at


def test_waiting_in_vain(database: Database) -> None:
    with held(database, "reading"), started(database.url, "run", "--all"):
        until_stopped(database)
        since_asking = monotonic()
        with pytest.raises(Locked):
            run_all(database.settings(), Options(wait=1))
        assert 1 < monotonic() - since_asking < 1 + AT_ONCE


@slow
@pytest.mark.parametrize("seconds", ["100000000", "inf", "0.0001"])
def test_waiting_for_an_odd_time(database: Database, seconds: str) -> None:
    """The run waits for it or refuses it as wrong usage; no number of seconds makes it crash."""
    with held(database, "reading"), started(database.url, "run", "--all") as first:
        until_stopped(database)
        with started(database.url, "run", "--all", "--wait", seconds) as second:
            wait_until(lambda: second.poll() is not None or stopped(database) == 2)
            if second.poll() is not None:
                assert second.returncode == 2
            first.kill()


def stopped(database: Database) -> int:
    return len(
        database.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and (wait_event = 'PgSleep' or wait_event_type = 'Lock')"
        )
    )


@pytest.mark.parametrize(
    "point",
    [
        "reading",
        *(pytest.param(point, marks=slow) for point in ("after the lock", "in the upsert")),
    ],
)
def test_the_lock_dies_with_its_holder_while_the_server_works(
    database: Database, point: str
) -> None:
    with held(database, point), started(database.url, "run", "--all") as holder:
        until_stopped(database)
        assert not database.execute(LOCK_IS_FREE)
        holder.kill()
        wait_until(lambda: database.execute(LOCK_IS_FREE), seconds=AT_ONCE)


def test_the_lock_dies_with_its_holder_while_polars_computes(database: Database) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTING, database.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"computing\n"
        assert not database.execute(LOCK_IS_FREE)
        holder.kill()
        wait_until(lambda: database.execute(LOCK_IS_FREE), seconds=AT_ONCE)


def test_no_idle_timeout_ends_a_run_that_computes(database: Database) -> None:
    for timeout in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
        database.execute(f"alter database {database.name} set {timeout} = '100ms'")

    @contextmanager
    def slowly(phase: str) -> Iterator[Advance]:
        """Takes its time over each part and slice."""
        yield lambda done, total: sleep(0.3)

    assert run_all(database.settings(), show=slowly).updated == 10


@slow
def test_named_runs_need_no_run_lock(database: Database) -> None:
    up_to_date = stored(database).items() & reference(database).items()
    application_id = min(application_id for application_id, _ in up_to_date)
    with held(database, "in the upsert"), started(database.url, "run", "--all") as whole:
        until_stopped(database)
        assert not clickstats("run", "--app-id", str(application_id), database=database).code
        assert whole.poll() is None


# a session of a run that has given up waiting for a lock
ATTEMPT = """
    select pid, query_start from pg_stat_activity
    where datname = current_database() and application_name like 'clickstats/%'
        and query like 'SELECT pg_sleep%'
"""
ROWS_OF_OTHERS = {
    "a row to update": "select from link_click_analytics"
    " where application_id = md5('application1')::uuid for update",
    "a row just inserted": "insert into link_click_analytics (application_id)"
    " values (md5('application41')::uuid)",
    "an application": "select from job_applications"
    " where id = md5('application41')::uuid for update",
    "a job": "select from jobs for update",
    "a job deleted": "delete from jobs",
    "an application deleted": "delete from job_applications"
    " where id in (md5('application41')::uuid, md5('application1')::uuid)",
}


@pytest.mark.parametrize("locking", ROWS_OF_OTHERS)
@pytest.mark.parametrize("end", ["commit", pytest.param("rollback", marks=slow)])
def test_a_lock_of_another_program_is_waited_for(
    database: Database,
    aside: ThreadPoolExecutor,
    other: connection,
    locking: str,
    end: str,
) -> None:
    """Briefly and again and again: the run is seen to give up once and to come back."""
    with other.cursor() as cursor:
        cursor.execute(ROWS_OF_OTHERS[locking])
    running = aside.submit(run_all, database.settings())
    attempts = set()

    def tried_twice() -> bool:
        attempts.update(database.execute(ATTEMPT))
        return len(attempts) > 1

    wait_until(lambda: tried_twice() or running.done())
    assert not running.done()
    getattr(other, end)()
    report = running.result()
    assert report.inserted + report.updated + report.gone == 20
    assert stored(database) == reference(database)


@pytest.mark.parametrize("locking", [pytest.param(one, marks=slow) for one in ROWS_OF_OTHERS])
def test_a_lock_that_is_never_released_ends_the_run(
    database: Database, other: connection, locking: str
) -> None:
    before = stored(database)
    with other.cursor() as cursor:
        cursor.execute(ROWS_OF_OTHERS[locking])
    with pytest.raises(Refused, match="lock"):
        run_all(database.settings(write_attempts=3))
    other.rollback()
    assert database.execute(LOCK_IS_FREE)
    assert stored(database) == before
    run_all(database.settings())
    assert stored(database) == reference(database)


@pytest.mark.parametrize(
    "command", ["lock table link_click_analytics", "alter table {0} add x text"]
)
def test_who_waits_for_rows_of_a_run_goes_first(
    database: Database, aside: ThreadPoolExecutor, command: str
) -> None:
    """Else the run would wait for itself: what it reads next stands behind him in the queue."""
    slices = Sizes(applications=1)
    with held(database, "in the upsert"):
        running = aside.submit(run_all, database.settings(sizes=slices), Options(full=True))
        until_stopped(database)
        waiting = aside.submit(database.execute, command.format("link_click_analytics"))
        until_waited_for(database, "link_click_analytics")
    waiting.result(60)
    running.result(60)
    assert stored(database) == reference(database)


def test_a_write_that_is_given_up_cancels_nothing_later(database: Database) -> None:
    """As when the next rows are not there: what is under way is cancelled, and the pause is not."""

    def works(cursor: AnyCursor, seconds: float) -> Iterator[Callable[[], object]]:
        begun = Event()

        def work() -> None:
            begun.set()
            cursor.execute("select pg_sleep(%s)", (seconds,))

        yield work
        begun.wait()
        raise Blocked("by somebody")

    with session(database.settings()) as writer, writer.cursor() as cursor:
        cursor.execute("savepoint before_writing")
        for milliseconds in range(8):  # in which a cancel is on its way
            with pytest.raises(Blocked):
                list(in_turn(works(cursor, milliseconds / 1000), writer))
            cursor.execute("rollback to before_writing; select pg_sleep(0.05)")


def test_rows_are_locked_in_key_order(database: Database) -> None:
    """A program that locks in key order too never meets a run in a deadlock."""
    database.execute(
        """
        create table locked (number serial, application_id uuid);
        create function note() returns trigger language plpgsql as $$
        begin
            insert into locked (application_id) values (old.application_id);
            return new;
        end $$;
        create trigger note before update on link_click_analytics
            for each row execute function note();
        -- rows come in no order, and so many that a plan by hashes is tempting
        insert into job_applications (id, created_at)
            select gen_random_uuid(), '2024-03-01' from generate_series(1, 3000);
        """
    )
    run_all(database.settings())
    run_all(database.settings(), Options(full=True))
    order = database.execute("select application_id from locked order by number")
    assert len(order) == 10 + 3040
    assert order[10:] == sorted(order[10:])


def test_another_program_is_never_the_victim_of_a_deadlock(
    database: Database, aside: ThreadPoolExecutor, other: connection
) -> None:
    """It locks the rows against the order of the keys, and has waited for most of the second after
    which the server looks for a deadlock when the run comes to wait for it."""
    run_all(database.settings())
    [(first, last)] = database.execute(
        "select min(application_id::text), max(application_id::text) from link_click_analytics"
    )

    def lock(application_id: str) -> None:
        with other.cursor() as cursor:
            cursor.execute(
                "select from link_click_analytics where application_id = %s for update",
                (application_id,),
            )

    lock(last)
    with held(database, "in the upsert"):  # the run has the first row, but not the last
        running = aside.submit(run_all, database.settings(), Options(full=True))
        wait_until(lambda: stopped(database) or database.execute(ATTEMPT))
        crossing = aside.submit(lock, first)
        wait_until(lambda: crossing.done() or database.execute(WAITS_LONG))
    crossing.result()  # DeadlockDetected: it was the victim
    other.commit()
    assert running.result().updated == 40


WAITS_LONG = """
    select 1 from pg_stat_activity
    where datname = current_database() and application_name not like 'clickstats/%'
        and wait_event_type = 'Lock' and clock_timestamp() > query_start + interval '0.85 seconds'
"""


@slow
def test_since_when_is_utc_whatever_the_role_prefers(database: Database) -> None:
    database.execute(f"alter database {database.name} set timezone to 'Pacific/Kiritimati'")
    with held(database, "reading"), started(database.url, "run", "--all"):
        until_stopped(database)
        with pytest.raises(Locked) as locked:
            run_all(database.settings())
    now = datetime.now(UTC)
    minutes = [f"since {now - timedelta(minutes=ago):%Y-%m-%d %H:%M}" for ago in (0, 1)]
    assert any(minute in str(locked.value) for minute in minutes)
