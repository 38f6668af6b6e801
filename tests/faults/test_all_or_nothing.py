"""Whatever ends a run, and wherever: the table is as it was, and the next run succeeds."""

import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg2
import pytest

from pipeline.demo.embedded import Server, server
from pipeline.errors import NoConnection, Refused
from pipeline.migrate import migrate
from pipeline.run import run_all, run_named
from tests.databases import SOURCE_TABLES, Database
from tests.engines import assert_exact
from tests.faults.conftest import EDITS, SOURCE
from tests.holds import HOLDS, POINTS, at, held, until_stopped
from tests.processes import started
from tests.waiting import AT_ONCE, wait_until

ROWS = """
    select to_jsonb(a), xmin::text, ctid from link_click_analytics as a
    union all select to_jsonb(r), xmin::text, ctid from link_click_readings as r order by 1, 3
"""
# sessions of runs, their locks and their temporary tables
REMAINS = """
    select 'session ' || pid from pg_stat_activity
        where datname = current_database() and application_name like 'clickstats/%'
    union all select 'lock' from pg_locks where locktype = 'advisory' and objsubid = 2
        and database = (select oid from pg_database where datname = current_database())
    union all select 'table ' || relname from pg_class where relname = 'clickstats_staging'
"""
SESSIONS = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name like 'clickstats/%'
    order by backend_start
"""
LAST_RUN = """
    select outcome, exit_code, coalesce(error, '') from clickstats_runs
    where command like %s order by started_at desc limit 1
"""


def points(*quick: str, among: Collection[str] = POINTS) -> pytest.MarkDecorator:
    """All points, but most of them only in the slow tests."""
    return pytest.mark.parametrize(
        "point",
        [pytest.param(point, marks=[pytest.mark.slow] * (point not in quick)) for point in among],
    )


@contextmanager
def nothing_happens(
    database: Database, state: str, exit_code: int | None, *, command: str = "run --%"
) -> Iterator[None]:
    """A run in this block fails, leaves nothing behind and says why; the next run makes up for
    it."""
    before = database.execute(ROWS)
    yield
    assert database.execute(ROWS) == before
    wait_until(lambda: not database.execute(REMAINS), seconds=2)
    if state == "died":  # the next run finds that out
        assert database.execute(LAST_RUN, (command,)) == [("running", None, "")]
    else:
        [(found, code, error)] = database.execute(LAST_RUN, (command,))
        assert (found, code) == (state, exit_code)
        assert error
    report = run_all(database.settings())
    assert report.inserted == report.updated == 10
    assert report.readings_written == 20
    assert_exact(database)
    assert not database.execute("select 1 from clickstats_runs where outcome = 'running'")
    assert not database.execute(REMAINS)


@points("reading")
def test_killed(database: Database, point: str) -> None:
    """The server notices while its work is still held."""
    with (
        nothing_happens(database, "died", None),
        held(database, point),
        started(database.url, "run", "--all") as running,
    ):
        until_stopped(database)
        running.kill()
        running.wait()
        wait_until(lambda: not database.execute(SESSIONS), seconds=AT_ONCE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "state"), [("select 1; commit", "died"), ("select 1", "running")]
)
def test_sessions_of_a_run_that_only_rest(database: Database, statement: str, state: str) -> None:
    """A pooler keeps those of a dead run; those of a run that lives are in a transaction."""
    run = "00000000-0000-4000-8000-000000000001"
    database.execute(
        "insert into clickstats_runs (id, started_at, command, options, version, rules, timezone,"
        f" host, pid) values ('{run}', now(), 'run --all', '{{}}', '', '', 'UTC', '', 1)"
    )
    told = f"select outcome from clickstats_runs where id = '{run}'"
    with closing(database.connect()) as kept, kept.cursor() as cursor:
        cursor.execute(f"set application_name = 'clickstats/{run}'; {statement}")
        run_all(database.settings())
        assert database.execute(told) == [("running",)]  # it may be between two transactions
        sleep(5.5)
        run_all(database.settings())
        assert database.execute(told) == [(state,)]


SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS.keys())
@points("reading", "in the commit")
def test_interrupted(database: Database, point: str, number: int, code: int) -> None:
    with nothing_happens(database, "failed", code):
        answers_at_once(database, point, number, code, ["run", "--all"])


@points("reading", among=["before reading", "reading"])
def test_interrupted_while_psycopg2_reads(database: Database, point: str) -> None:
    """ConnectorX cannot do what this URL asks for."""
    through_psycopg2 = Database(f"{database.url}?require_auth=scram-sha-256", database.name)
    with nothing_happens(database, "failed", 143):
        answers_at_once(through_psycopg2, point, signal.SIGTERM, 143, ["run", "--all"])


@pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=SIGNALS.keys())
@points(among=["before reading", "reading", "in the upsert", "before the commit"])
def test_a_named_run_interrupted(database: Database, point: str, number: int, code: int) -> None:
    with nothing_happens(database, "failed", code, command="run --app-id"):
        answers_at_once(database, point, number, code, ["run", "--app-id", last(database)])


def test_a_named_run_interrupted_at_the_gate(database: Database) -> None:
    with (
        nothing_happens(database, "failed", 143, command="run --app-id"),
        closing(database.connect()) as other,
        other.cursor() as cursor,
    ):
        cursor.execute(GATE_ALONE)
        with started(database.url, "run", "--app-id", last(database)) as running:
            until_stopped(database)
            ends_at_once(running, signal.SIGTERM, 143)


GATE_ALONE = """
    select pg_advisory_xact_lock(1668049002, 'link_click_analytics'::regclass::oid::integer)
"""


def last(database: Database) -> str:
    """The application whose row waits in the upsert."""
    [(application_id,)] = database.execute("select max(id::text) from job_applications")
    return str(application_id)


def answers_at_once(
    database: Database, point: str, number: int, code: int, arguments: list[str]
) -> None:
    with held(database, point), started(database.url, *arguments) as running:
        until_stopped(database)
        ends_at_once(running, number, code)


def ends_at_once(running: "subprocess.Popen[str]", number: int, code: int) -> None:
    sent = monotonic()
    running.send_signal(number)
    _, errors = running.communicate(timeout=5)
    assert monotonic() - sent < AT_ONCE
    assert running.returncode == code
    assert "Traceback" not in errors


@points("reading")
def test_each_session_terminated(database: Database, aside: ThreadPoolExecutor, point: str) -> None:
    """One after the other, each in a run of its own."""
    before = database.execute(ROWS)
    for number in range(9):
        with held(database, point):
            running = aside.submit(run_all, database.settings())
            until_stopped(database)
            sessions = [pid for (pid,) in database.execute(SESSIONS)]
            if number < len(sessions):
                terminate(database, sessions[number])
        if number == len(sessions):
            break
        with pytest.raises((NoConnection, Refused)):
            running.result()
        assert database.execute(ROWS) == before
        wait_until(lambda: not database.execute(REMAINS), seconds=2)
        [(state, code, error)] = database.execute(LAST_RUN, ("run --all",))
        assert (state, code) in {("failed", 3), ("failed", 8)}
        assert error
    assert number > 0
    assert running.result().updated == 10
    assert_exact(database)


def terminate(database: Database, session: int) -> None:
    database.execute("select pg_terminate_backend(%s)", (session,))
    wait_until(lambda: (session,) not in database.execute(SESSIONS))


# a commit knows no statement_timeout
@points("in the upsert", among=POINTS[:-1])
def test_a_statement_takes_too_long(
    database: Database, aside: ThreadPoolExecutor, point: str
) -> None:
    ends_at_limit(database, aside, point, "statement_timeout")


# at the gate, a lock of ours, the run waits by its own measure
@points("before reading", among=["before reading"])
def test_a_lock_takes_too_long(database: Database, aside: ThreadPoolExecutor, point: str) -> None:
    ends_at_limit(database, aside, point, "lock_timeout")


def ends_at_limit(database: Database, aside: ThreadPoolExecutor, point: str, limit: str) -> None:
    with (
        nothing_happens(database, "failed", Refused.exit_code),
        held(database, point),
        limited(database, f"{limit} = '500ms'"),
        pytest.raises(Refused, match="timeout"),
    ):
        aside.submit(run_all, database.settings()).result(30)


@contextmanager
def limited(database: Database, *settings: str) -> Iterator[None]:
    """The settings hold for every new session."""
    for setting in settings:
        database.execute(f"alter database {database.name} set {setting}")
    try:
        yield
    finally:
        with closing(database.connect()) as own:
            own.autocommit = True
            with own.cursor() as cursor:
                cursor.execute("set statement_timeout to 0")
                cursor.execute(f"alter database {database.name} reset all")


def test_a_named_run_at_a_limit(database: Database) -> None:
    with (
        nothing_happens(database, "failed", Refused.exit_code, command="run --app-id"),
        held(database, "reading"),
        limited(database, "statement_timeout = '500ms'"),
        pytest.raises(Refused, match="timeout"),
    ):
        run_named(database.settings(), [last(database)])


AFTER_THE_COMMIT = {
    "Ctrl-C": KeyboardInterrupt(),
    "SIGTERM": SystemExit(143),
    "no answer": NoConnection("lost during the commit"),
}


@pytest.mark.parametrize("event", AFTER_THE_COMMIT.values(), ids=AFTER_THE_COMMIT)
@pytest.mark.parametrize("named", [False, True], ids=["all", "named"])
def test_what_comes_after_the_commit_is_too_late(
    database: Database, event: BaseException, named: bool
) -> None:
    """The run is published, and says so."""
    breaking = at("end", partial(throw, event))
    if named:
        rows, _ = run_named(database.settings(), [last(database)], before=breaking)
        assert rows.height == 1
    else:
        assert run_all(database.settings(), before=breaking).updated == 10
        assert_exact(database)
    assert database.execute(LAST_RUN, ("run --%",)) == [("published", 0, "")]


@pytest.mark.parametrize("event", AFTER_THE_COMMIT.values(), ids=AFTER_THE_COMMIT)
def test_what_comes_before_the_commit_is_in_time(database: Database, event: BaseException) -> None:
    code = {KeyboardInterrupt: 130, SystemExit: 143, NoConnection: 3}[type(event)]
    with nothing_happens(database, "failed", code), pytest.raises(type(event)):
        run_all(database.settings(), before=at("commit", partial(throw, event)))


def throw(event: BaseException) -> None:
    raise event


def test_no_room_for_temporary_files(database: Database) -> None:
    """The sort before the insert spills."""
    no_room(
        database, "temporary file size exceeds", "work_mem = '64kB'", "temp_file_limit = '64kB'"
    )


def no_room(database: Database, error: str, *settings: str) -> None:
    database.execute(
        "insert into job_applications (id, created_at)"
        " select gen_random_uuid(), '2024-03-01' from generate_series(1, 9000)"
    )
    before = database.execute(ROWS)
    with limited(database, *settings), pytest.raises(Refused, match=error):
        run_all(database.settings())
    assert database.execute(ROWS) == before
    wait_until(lambda: not database.execute(REMAINS), seconds=2)
    [(state, code, said)] = database.execute(LAST_RUN, ("run --all",))
    assert (state, code) == ("failed", Refused.exit_code)
    assert error in said
    run_all(database.settings())
    assert_exact(database)


@pytest.fixture
def small_disk(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tablespace of one megabyte."""
    if os.geteuid() != 0 or os.environ.get("CLICKSTATS_TEST_DATABASE_URL"):
        pytest.skip("a small disk needs root to mount it, and a server of our own")
    with closing(psycopg2.connect(server_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("show data_directory")
        [(folder,)] = cursor.fetchall()
        data = Path(folder)
        disk = data.parent / "small"
        disk.mkdir()
        options = f"size=1m,mode=700,uid={data.stat().st_uid},gid={data.stat().st_gid}"
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk],
            capture_output=True,
            text=True,
            check=False,
        )
        if mount.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {mount.stderr.strip()}")
        try:
            cursor.execute(f"create tablespace small_disk location '{disk}'")
            yield "small_disk"
            cursor.execute("drop tablespace small_disk")
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk(small_disk: str, database: Database) -> None:
    no_room(database, "No space left on device", f"temp_tablespaces = {small_disk}")


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """One that may be crashed, and then has every commit."""
    with server(settings={"synchronous_commit": "on"}) as running:
        yield running


@pytest.fixture
def crashing(own_server: Server) -> Database:
    database = Database(own_server.url(), "postgres")
    database.execute("drop schema public cascade; create schema public")
    database.execute(SOURCE_TABLES)
    migrate(database.settings())
    database.execute(SOURCE)
    run_all(database.settings())
    database.execute(EDITS + HOLDS)
    return database


def test_a_server_that_is_about_to_start_is_waited_for(
    own_server: Server, crashing: Database, aside: ThreadPoolExecutor, caplog: Any
) -> None:
    own_server.crash()
    with caplog.at_level("INFO", logger="clickstats"):
        running = aside.submit(run_all, crashing.settings())
        wait_until(lambda: "trying again" in caplog.text)
        own_server.start()
        assert running.result().updated == 10
    assert_exact(crashing)


@points("in the upsert")
def test_the_server_crashes(own_server: Server, crashing: Database, point: str) -> None:
    with nothing_happens(crashing, "died", None):
        with held(crashing, point), started(crashing.url, "run", "--all") as running:
            until_stopped(crashing)
            own_server.crash()
            _, errors = running.communicate(timeout=60)
        own_server.start()
        assert running.returncode == NoConnection.exit_code, errors
        assert "Traceback" not in errors
