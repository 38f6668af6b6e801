"""Connections: how they are opened and set up, the snapshot that a run reads, and what the errors
of the server mean to a user. Knows nothing of clicks."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ

from pipeline.errors import (
    ClickstatsError,
    ConfigurationError,
    NoConnection,
    Refused,
    SchemaError,
)
from pipeline.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from tenacity import RetryCallState

log = logging.getLogger("clickstats")

Result = TypeVar("Result")
CONNECT_TIMEOUT, FOR_EVER = 15, 1e9  # seconds; a timeout of 0 means for ever to libpq
CONNECT_ATTEMPTS = 4
# what may pass: the network's reasons, a server that starts or ends, one that has no room
MAY_PASS = re.compile(
    "refused|timeout|timed out|unreachable|No route|reset|closed|could not translate|No such file|"
    "starting up|shutting down|recovery|accepting connections|too many|slots"
)
# a killed client's query, and with it its locks, ends within this time
DIE_WITH_CLIENT = "SET LOCAL client_connection_check_interval = '500ms'"
EXPECTED_URL = (
    "expected postgresql://user:password@host:5432/database, with special characters in the "
    "password percent-encoded (@ as %40, / as %2F)"
)


def connection_parameters(url: str) -> dict[str, Any]:
    """A libpq or SQLAlchemy URL, or a libpq connection string, as libpq's parameters.

    Nothing of a URL that cannot be read is repeated in the error: it may be the password.
    """
    scheme, found, rest = url.partition("://")
    if found:
        authority, _, path = rest.partition("/")
        stray = authority.count("@") > 1 or "@" in path.partition("?")[0]
        if stray or not re.fullmatch(r"postgres(ql)?(\+psycopg2)?", scheme):
            raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}")
    try:
        # several ?host=name:port are SQLAlchemy's way to name several hosts
        if "+" in scheme or re.search(r"[?&]host=[^/&%]*:\d", rest):
            import sqlalchemy  # a fifth of a second: only for its own kind of URL

            parsed = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg2")
            return dict(parsed.get_dialect()().create_connect_args(parsed)[1])
        parameters = psycopg2.extensions.parse_dsn(url)
        if not re.fullmatch("[0-9,]*", parameters.get("port", "")):
            raise ValueError  # in place of the port there may be a password
        return dict(parameters)
    except (psycopg2.ProgrammingError, ValueError, ArithmeticError):
        raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}") from None
    except Exception as error:
        if type(error).__module__.startswith("sqlalchemy"):
            raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}") from None
        raise


def connect(settings: Settings) -> Connection:
    """A connection named after the run; its first statement opens a transaction.

    A server that cannot be reached is tried again after growing pauses, as long as the connect
    timeout lasts; one that refuses the login is not. Raises `NoConnection`.
    """
    import tenacity  # asyncio comes with it: not for `--help`

    parameters = connection_parameters(settings.database_url)
    if settings.connect_timeout is not None:
        parameters["connect_timeout"] = settings.connect_timeout
    parameters.setdefault("connect_timeout", CONNECT_TIMEOUT)
    parameters |= {"application_name": settings.application_name, "client_encoding": "UTF8"}
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        wait=tenacity.wait_exponential(settings.connect_pause),
        stop=tenacity.stop_after_attempt(CONNECT_ATTEMPTS)
        | tenacity.stop_before_delay(int(parameters["connect_timeout"]) or FOR_EVER),
        before_sleep=_log_pause,
        reraise=True,
    )
    try:
        connection = retrying(_connected, parameters)
    except psycopg2.OperationalError as error:
        raise NoConnection(
            f"cannot connect to the database: {_one_line(error)}; check "
            "CLICKSTATS_DATABASE_URL and that the server is running"
        ) from None
    log.debug("connected: %s", _described(connection))
    return connection


def _connected(parameters: dict[str, Any]) -> Connection:
    """A new connection. psycopg2 answers no signal while it connects, and cannot be told to stop:
    a thread does it, and is left behind when a signal comes."""
    connecting: Future[Connection] = Future()

    def connect() -> None:
        try:
            connecting.set_result(psycopg2.connect(**parameters))
        except BaseException as error:
            connecting.set_exception(error)

    Thread(target=connect, daemon=True).start()
    while wait([connecting], timeout=0.1).not_done:
        pass
    return connecting.result()


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed. A refused login or a wrong certificate stays so."""
    return isinstance(error, psycopg2.OperationalError) and bool(MAY_PASS.search(str(error)))


def _log_pause(state: RetryCallState) -> None:
    if state.outcome and state.next_action:
        reason = _one_line(str(state.outcome.exception()))
        log.info("%s; trying again in %g s", reason, state.next_action.sleep)


def _described(connection: Connection) -> str:
    """Who is connected to what, for the log; no password."""
    info, version = connection.info, connection.info.parameter_status("server_version")
    return (
        f"process {info.backend_pid} of PostgreSQL {version} at {info.host}:{info.port}, database "
        f"{info.dbname}, as {info.user}, {'with' if info.ssl_in_use else 'without'} TLS"
    )


@contextmanager
def session(settings: Settings, *, snapshot: bool = False) -> Iterator[Connection]:
    """A connection inside one transaction, committed at the end, rolled back on any error. Errors
    of the server in its block are raised as what they mean (`server_errors`).

    With `snapshot` it is read-only and sees one state of the database throughout: that of its first
    statement, which must be `take_snapshot`.
    """
    connection = connect(settings)
    try:
        with server_errors():
            connection.set_session(
                isolation_level=ISOLATION_LEVEL_REPEATABLE_READ
                if snapshot
                else ISOLATION_LEVEL_READ_COMMITTED,
                readonly=snapshot,
            )
            _set_up(connection, settings)
            yield connection
            if not connection.closed:
                connection.commit()
    finally:
        connection.close()


def next_transaction(connection: Connection, settings: Settings) -> None:
    """Commit, and begin another transaction of the session."""
    connection.commit()
    _set_up(connection, settings)


def _set_up(connection: Connection, settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("; ".join(set_up(settings.schema)))
        try:
            cursor.execute(f"SAVEPOINT platform; {DIE_WITH_CLIENT}; RELEASE platform")
        except psycopg2.errors.InvalidParameterValue:  # not on this server's platform
            cursor.execute("ROLLBACK TO platform")


def set_up(schema: str) -> list[str]:
    """What each transaction sets for itself, whatever the role's defaults are; none of it takes a
    snapshot."""
    return [
        f"SET LOCAL search_path = {search_path(schema)}",
        "SET LOCAL TimeZone = 'UTC'",
        "SET LOCAL IntervalStyle = 'postgres'",
        "SET LOCAL DateStyle = 'ISO'",
        "SET LOCAL bytea_output = 'hex'",
        "SET LOCAL idle_in_transaction_session_timeout = 0",  # while Polars computes
    ]


def search_path(schema: str) -> str:
    """Where tables are looked up: pg_catalog, not named, comes first, and pg_temp last, so that a
    temporary table cannot stand in for a real one."""
    quoted = '"' + schema.replace('"', '""') + '"'
    return f"{quoted}, pg_temp"


@dataclass(frozen=True)
class Snapshot:
    """One state of the database, held open by a transaction; other connections can adopt it."""

    connection: Connection
    name: str
    taken_at: datetime  # UTC, by the server's clock


def take_snapshot(connection: Connection) -> Snapshot:
    """Take the snapshot of a session that was opened with `snapshot`, and its instant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot(), clock_timestamp()::timestamp")
        name, taken_at = cursor.fetchone()  # type: ignore[misc]
        log.debug("snapshot %s taken at %s UTC", name, taken_at)
        return Snapshot(connection, name, taken_at)


def cancel_queries(settings: Settings) -> None:
    """Ask the server to cancel whatever the connections of this run are doing."""
    with session(settings) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND pid <> pg_backend_pid()",
            (settings.application_name,),
        )


def interruptible(connection: Connection, work: Callable[[], Result]) -> Result:
    """Do work that waits for the server, but answer signals at once: psycopg2 holds them back while
    it waits, so the work goes to a thread and is cancelled at the server."""
    [result] = in_turn([work], connection.cancel)
    return result


def commit(connection: Connection) -> None:
    """Commit, while signals are answered: a commit can take long, or wait for a standby.

    Raises `NoConnection` when it cannot be known whether the server has done it.
    """
    try:
        interruptible(connection, connection.commit)
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not isinstance(_meaning(error), NoConnection):
            raise
        raise NoConnection(
            f"the connection to the database was lost during the commit: {_one_line(error)}; "
            "`clickstats status` says whether the run was published"
        ) from error
    log.debug("committed: published")


def in_turn(
    works: Iterable[Callable[[], Result]], cancel: Callable[[], None], threads: int = 1
) -> Generator[Result, None, None]:
    """The results of the works in their order, while the next ones are under way: so many at once,
    each in a thread. When one fails, a signal comes, or the caller closes this, `cancel` what the
    others are doing, until they have ended."""
    waiting = iter(works)
    futures: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                for work in islice(waiting, threads + 1 - len(futures)):
                    futures.append(pool.submit(work))
                if not futures:
                    return
                # Polars' handler of SIGINT lets a wait without a timeout go on
                while wait([futures[0]], timeout=0.1).not_done:
                    for failed in futures:
                        if failed.done():
                            failed.result()
                yield futures.popleft().result()
        except BaseException:
            while wait(futures, timeout=0.2).not_done:
                cancel()
            raise


def bound(connection: Connection, statement: str, parameters: dict[str, object]) -> str:
    """The statement with its parameters bound as literals, for readers that take none."""
    with connection.cursor() as cursor:
        return cursor.mogrify(statement, parameters).decode()


def _one_line(error: Exception | str) -> str:
    return "; ".join(line.strip() for line in str(error).strip().splitlines() if line.strip())


@contextmanager
def server_errors() -> Iterator[None]:
    """Say what an error of the server means to the user; let what is a bug through."""
    try:
        yield
    except psycopg2.Error as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: psycopg2.Error) -> ClickstatsError | None:
    code = error.pgcode
    said = error.diag.message_primary or _one_line(error)
    if code in MISSING or code in WRONG_TYPE:
        return SchemaError(f"{said}; {(MISSING | WRONG_TYPE)[code]}")
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and (
        code is None or code[:2] == "08" or code in SHUTDOWN
    ):
        return NoConnection(
            f"the connection to the database was lost: {said}; nothing was written; run again"
        )
    if code is not None and (code in REFUSED or code[:2] in REFUSED):
        return Refused(f"the server refused the work: {said}; nothing was written")
    return None


# SQLSTATE codes: PostgreSQL manual, appendix A
MISSING = {
    "42P01": "see `clickstats migrate --check` for what is missing and what to do",
    "42703": "see `clickstats migrate --check` for what is missing and what to do",
    "3F000": "check --schema",
    "42501": "see `clickstats migrate --check` and grant what it lists",
}
WRONG_TYPE = dict.fromkeys(
    ("42883", "42804", "42846", "22P02", "42725"),
    "a column has another type than clickstats expects: see `clickstats migrate --check`",
)
SHUTDOWN = {"57P01", "57P02", "57P03"}
# classes: insufficient resources, program limit, system error; then read-only, lock not
# available, query cancelled, idle timeouts, serialization failure, deadlock
REFUSED = {"53", "54", "58", "25006", "55P03", "57014", "25P03", "25P04", "57P05", "40001", "40P01"}
