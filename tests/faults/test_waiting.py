"""Whatever a command waits for, a signal ends it within a second; where nobody watches, it gives up
by itself."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic

import psycopg2
import pytest
from psycopg2.extensions import connection

from pipeline.answers.status import status
from pipeline.database.connection import session, take_snapshot
from pipeline.definition import Definition
from pipeline.demo.embedded import Server, server
from pipeline.errors import Locked, NoConnection, Refused
from pipeline.extract import Source
from pipeline.migrate import migrate
from pipeline.run import Options, run_all, run_named
from tests.commands import MAIN, ROOT, clickstats
from tests.databases import SOURCE_TABLES, Database
from tests.engines import reference, stored
from tests.faults.conftest import SOURCE
from tests.faults.test_all_or_nothing import LAST_RUN, REMAINS, ends_at_once, last
from tests.holds import at, held, until_stopped
from tests.lines import Line, line
from tests.processes import started
from tests.waiting import wait_until

LEDGER, TARGET = "clickstats_runs", "link_click_analytics"
COMMANDS = [
    (LEDGER, "status", "--max-age", "26h"),
    (LEDGER, "run", "--all"),
    (TARGET, "migrate"),
    (TARGET, "run", "--app-id", "{last}"),
]
SLOW_COMMANDS = [
    (TARGET, "run", "--all", "--dry-run"),
    (TARGET, "export", "-", "--format", "csv"),
    (TARGET, "verify"),
    (LEDGER, "run", "--all", "--dry-run"),
    (LEDGER, "migrate"),
    (TARGET, "migrate", "--check"),
    (TARGET, "explain", "{last}"),
    (TARGET, "report"),
]


@pytest.fixture
def other(database: Database) -> Iterator[connection]:
    """Another program's connection."""
    with closing(database.connect()) as other:
        yield other


@pytest.mark.parametrize(
    ("table", "arguments"),
    [
        *((table, rest) for table, *rest in COMMANDS),
        *(pytest.param(table, rest, marks=pytest.mark.slow) for table, *rest in SLOW_COMMANDS),
    ],
)
def test_a_signal_while_a_table_is_locked(
    database: Database, other: connection, table: str, arguments: list[str]
) -> None:
    other.cursor().execute(f"lock table {table} in access exclusive mode")
    arguments = [argument.format(last=last(database)) for argument in arguments]
    number, code = (signal.SIGTERM, 143) if "run" in arguments else (signal.SIGINT, 130)
    with started(database.url, *arguments) as running:
        until_stopped(database)
        ends_at_once(running, number, code)
    other.rollback()
    wait_until(lambda: not database.execute(REMAINS), seconds=2)


def test_the_alarm_gives_up(database: Database, other: connection) -> None:
    other.cursor().execute("lock table clickstats_runs in access exclusive mode")
    with pytest.raises(Refused, match="lock timeout"):
        status(database.settings(lock_timeout=1))


def test_a_limit_of_the_role_counts(database: Database, other: connection) -> None:
    other.cursor().execute("lock table clickstats_runs in access exclusive mode")
    database.execute(f"alter database {database.name} set lock_timeout = '100ms'")
    asked = monotonic()
    with pytest.raises(Refused, match="lock timeout"):
        status(database.settings())
    assert monotonic() - asked < 2


# --- the gate --------------------------------------------------------------------------------

GATE_SHARED = """
    select pg_advisory_xact_lock_shared(1668049002, 'link_click_analytics'::regclass::oid::integer)
"""


def test_waiting_at_the_gate_is_told(database: Database, other: connection) -> None:
    other.cursor().execute(f"set application_name = 'clickstats/named'; {GATE_SHARED}")
    with started(database.url, "run", "--all") as running:
        assert running.stderr
        assert "waiting up to 60 s for another run: clickstats/named" in running.stderr.readline()
        ends_at_once(running, signal.SIGTERM, 143)


def test_nobody_waits_at_the_gate_for_ever(database: Database, other: connection) -> None:
    other.cursor().execute(f"set application_name = 'clickstats/named'; {GATE_SHARED}")
    with pytest.raises(Locked, match="clickstats/named"):
        run_all(database.settings(gate_wait=1))
    asked = monotonic()
    with pytest.raises(Locked):
        run_all(database.settings(gate_wait=1), Options(wait=2))
    assert 2 < monotonic() - asked < 4
    other.rollback()
    other.cursor().execute(GATE_SHARED.replace("_shared", ""))
    with pytest.raises(Locked):
        run_named(database.settings(gate_wait=1), [last(database)])


# --- a standby that does not answer ----------------------------------------------------------


@pytest.fixture(scope="module")
def lonely_server() -> Iterator[Server]:
    """Its commits wait for a standby that there is not."""
    with server(settings={"synchronous_commit": "on"}) as running:
        database = Database(running.url(), "postgres")
        database.execute(SOURCE_TABLES)
        migrate(database.settings())
        database.execute(SOURCE)
        with closing(database.connect()) as admin:
            admin.autocommit = True
            admin.cursor().execute("alter system set synchronous_standby_names = 'nobody'")
            admin.cursor().execute("select pg_reload_conf()")
        wait_until(
            lambda: database.execute("show synchronous_standby_names") == [("nobody",)], seconds=5
        )
        yield running


@pytest.fixture
def lonely(lonely_server: Server) -> Database:
    database = Database(lonely_server.url(), "postgres")
    with closing(database.connect()) as own, own, own.cursor() as cursor:
        cursor.execute("set local synchronous_commit = local")
        cursor.execute("truncate link_click_analytics, clickstats_runs")
    return database


WAITS_FOR_A_STANDBY = "select 1 from pg_stat_activity where wait_event = 'SyncRep'"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_standby_is_waited_for(lonely: Database, number: int) -> None:
    """The commit is done, but not confirmed: too late."""
    with started(lonely.url, "run", "--all") as running:
        wait_until(lambda: lonely.execute(WAITS_FOR_A_STANDBY))
        ends_at_once(running, number, 0)
    assert lonely.execute(LAST_RUN, ("run --all",)) == [("published", 0, "")]
    assert stored(lonely) == reference(lonely)


def test_a_standby_is_not_waited_for_for_ever(lonely: Database, caplog: object) -> None:
    run_all(lonely.settings(lock_timeout=1))
    assert "canceling wait for synchronous replication" in caplog.text  # type: ignore[attr-defined]
    assert stored(lonely) == reference(lonely)


# --- a network that is stalled, or lost ------------------------------------------------------


@pytest.fixture
def network(database: Database) -> Iterator[Line]:
    with line(database) as network:
        yield network


@pytest.mark.parametrize(
    ("command", "point"),
    [
        ("run --all", "reading"),
        ("run --app-id", "in the upsert"),
        pytest.param("run --all", "in the upsert", marks=pytest.mark.slow),
        pytest.param("run --app-id", "reading", marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_the_network_is_stalled(
    database: Database, network: Line, point: str, command: str
) -> None:
    arguments = [*command.split(), *([last(database)] if "app-id" in command else [])]
    with held(database, point), started(network.database.url, *arguments) as running:
        until_stopped(database)
        network.stall()
        ends_at_once(running, signal.SIGTERM, 143)
    network.close()
    wait_until(lambda: not database.execute(REMAINS), seconds=5)


LOST = {
    "finished": lambda network: network.close(),
    "reset": lambda network: network.reset(),
}
COPY = "?require_auth=scram-sha-256"


@pytest.mark.parametrize("end", LOST.values(), ids=LOST)
@pytest.mark.parametrize("option", ["", COPY], ids=["ConnectorX", "COPY"])
def test_the_connection_is_lost_while_reading(
    database: Database, network: Line, aside: ThreadPoolExecutor, option: str, end: object
) -> None:
    through = Database(network.database.url + option, database.name)
    with held(database, "reading"):
        running = aside.submit(run_all, through.settings(connect_timeout=2))
        until_stopped(database)
        end(network)  # type: ignore[operator]
        with pytest.raises(NoConnection):
            running.result(20)


SESSION_THAT_READS = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'
"""


@pytest.mark.parametrize("option", ["", COPY], ids=["ConnectorX", "COPY"])
def test_the_session_that_reads_is_terminated(
    database: Database, aside: ThreadPoolExecutor, option: str
) -> None:
    through = Database(database.url + option, database.name)
    with held(database, "reading"):
        running = aside.submit(run_all, through.settings())
        until_stopped(database)
        database.execute(SESSION_THAT_READS)
        with pytest.raises(NoConnection, match=r"lost.*nothing was written"):
            running.result(20)


@pytest.fixture
def in_another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server's messages were not English: none is understood."""
    for name in ("GONE", "LIMIT"):
        monkeypatch.setattr(f"pipeline.database.transport.{name}", re.compile("(?!)"))


@pytest.mark.usefixtures("in_another_language")
def test_a_session_that_reads_ends_for_no_known_reason(
    database: Database, aside: ThreadPoolExecutor
) -> None:
    """Another session reads the same."""
    with held(database, "reading"):
        running = aside.submit(run_all, database.settings())
        until_stopped(database)
        database.execute(SESSION_THAT_READS)
        until_stopped(database)
    running.result(20)
    assert stored(database) == reference(database)


@pytest.mark.usefixtures("in_another_language")
def test_reading_is_cancelled_for_no_known_reason(
    database: Database, aside: ThreadPoolExecutor
) -> None:
    """The second time the server says by a code what it means."""
    cancel = SESSION_THAT_READS.replace("terminate", "cancel")
    with held(database, "reading"):
        running = aside.submit(run_all, database.settings())
        for _ in range(2):
            wait_until(lambda: database.execute(cancel) == [(True,)])
        with pytest.raises(Refused):
            running.result(20)


@contextmanager
def limited(database: Database, setting: str) -> Iterator[None]:
    database.execute(f"alter database {database.name} set {setting}")
    yield
    with closing(psycopg2.connect(database.url, options="-c transaction_timeout=0")) as own:
        own.autocommit = True
        own.cursor().execute(f"alter database {database.name} reset all")


@pytest.mark.parametrize("option", ["", COPY], ids=["ConnectorX", "COPY"])
def test_a_transaction_takes_too_long(
    database: Database, aside: ThreadPoolExecutor, option: str
) -> None:
    """PostgreSQL 17 and newer end the session, and psycopg2 does not say why."""
    with closing(database.connect()) as own:
        if own.server_version < 170_000:
            pytest.skip("a server that knows no transaction_timeout")
    through = Database(database.url + option, database.name)
    with (
        held(database, "reading"),
        limited(database, "transaction_timeout = '1s'"),
        pytest.raises(Refused, match=r"transaction.timeout"),
    ):
        aside.submit(run_all, through.settings()).result(30)


# --- a standby -------------------------------------------------------------------------------


EVERYWHERE = "create role everywhere superuser login password 'everywhere'"


@pytest.fixture(scope="module")
def standby() -> Iterator[Database]:
    """A server that is for ever in recovery, with a published run."""
    with server(settings={"synchronous_commit": "on", "fsync": "on"}) as running:
        database = Database(running.url(), "postgres")
        database.execute(SOURCE_TABLES)
        migrate(database.settings())
        database.execute(SOURCE)
        run_all(database.settings())
        database.execute(EVERYWHERE)
        running.crash()
        (running.base / "data" / "standby.signal").touch()
        running.start()
        yield database


@pytest.mark.parametrize(
    "arguments",
    [
        "run --all",
        "run --app-id 123e4567-e89b-12d3-a456-426614174000",
        "migrate",
        "migrate --check",
        "migrate --sql",
    ],
)
def test_a_standby_cannot_be_written_to(standby: Database, arguments: str) -> None:
    answer = clickstats(*arguments.split(), database=standby)
    assert answer.code == 8
    assert answer.text == ""
    assert "standby" in answer.errors
    assert answer.errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", ["status", "verify", "export - --format csv", "report", "run --all --dry-run"]
)
def test_a_standby_can_be_read(standby: Database, arguments: str) -> None:
    answer = clickstats(*arguments.split(), database=standby)
    assert (answer.code, "Traceback" in answer.errors) == (0, False), answer.errors


@pytest.mark.parametrize("named", [False, True], ids=["all", "named"])
def test_what_a_standby_says_is_not_written_to_its_primary(standby: Database, named: bool) -> None:
    """A balancer spreads the connections, and the standby lags behind."""
    with server() as running:
        primary = Database(running.url(), "postgres")
        primary.execute(f"{SOURCE_TABLES}; {EVERYWHERE}")
        migrate(primary.settings())
        primary.execute(SOURCE)
        primary.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
        run_all(primary.settings())
        before = stored(primary)
        with line(primary.seen_by("everywhere", "everywhere")) as balancer:
            settings = balancer.database.settings()
            if named:
                [(one,)] = primary.execute("select min(id::text) from job_applications")
                spread = at("gate", lambda: balancer.lead_to(standby))
                run: Callable[..., object] = partial(run_named, settings, [one])
            else:  # the gatekeeper is the first, then who reads
                spread = at("gate", lambda: balancer.lead_to(primary, standby))
                run = partial(run_all, settings)
            with pytest.raises(Refused, match="reached two servers"):
                run(before=spread)
        assert stored(primary) == before == reference(primary)


@pytest.mark.parametrize("by_copy", [False, True], ids=["ConnectorX", "COPY"])
def test_statements_that_another_server_answers(database: Database, *, by_copy: bool) -> None:
    """A balancer such as Pgpool-II spreads also the statements of one transaction."""
    settings = (database.by_copy() if by_copy else database).settings()
    with session(settings, snapshot=True) as connection:
        snapshot = take_snapshot(connection)
        another = replace(snapshot, server=snapshot.server - timedelta(microseconds=1))
        with pytest.raises(Refused, match="reached two servers"):
            Source(another, settings, Definition()).extract()


def test_nor_does_a_standby_alone_say_what_is_written(standby: Database) -> None:
    with (
        session(standby.settings(), snapshot=True) as reader,
        session(standby.settings(), snapshot=True) as another,
        pytest.raises(Refused, match="reached two servers"),
    ):
        take_snapshot(reader, another)


# --- outputs that are closed -----------------------------------------------------------------


def test_a_closed_output(database: Database) -> None:
    """`>&-`: nobody wants to see it; the connection to the server must not take its number."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" run --all >&-', sys.executable, MAIN],
        env={"CLICKSTATS_DATABASE_URL": database.url, "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert stored(database) == reference(database)
