"""Connections: how they are opened and set up, and the snapshot that a run reads. Knows nothing of
clicks."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ

from pipeline.database.attempts import connected
from pipeline.database.quotes import quotes_otherwise, quoting_plainly
from pipeline.database.server_errors import meaning, one_line, server_errors
from pipeline.database.url import DEFAULTS, connection_parameters
from pipeline.database.waiting import interruptible, no_more
from pipeline.errors import ConfigurationError, NoConnection, Refused
from pipeline.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as AnyConnection
    from psycopg2.extensions import cursor as AnyCursor

log = logging.getLogger("clickstats")

# a killed client's query, and with it its locks, ends within this time
DIE_WITH_CLIENT = "SET LOCAL client_connection_check_interval = '500ms'"
# a limit above the age of the session cannot be the one that ended it
TIME_LIMITS = """
SELECT name || ' of ' || setting || ' ms' FROM pg_settings
WHERE name IN (
        'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'
    ) AND setting::bigint BETWEEN 1 AND %s
ORDER BY setting::bigint
LIMIT 1
"""
CANCEL = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE application_name = %s AND pid <> pg_backend_pid()
"""
SERVER = "pg_postmaster_start_time()"  # no two servers start in the same microsecond
TWO_SERVERS = (
    "the connections of this run reached two servers, since the URL or a balancer spreads them; "
    "nothing was written; let the URL find the primary alone: target_session_attrs=read-write, and "
    "no load_balance_hosts; of Pgpool-II ask it by app_name_redirect_preference_list"
)
INVALID = re.compile("invalid [a-z_ ]*(value|option)|requires a value")
# partitions that have ranges of texts are in an order, too
SCANS = (
    "enable_indexscan",
    "enable_indexonlyscan",
    "enable_bitmapscan",
    "enable_partition_pruning",
)
WITHOUT_INDEXES = [f"SET LOCAL {name} = off" for name in SCANS]
WITH_INDEXES = [f"SET LOCAL {name} TO DEFAULT" for name in SCANS]
LOOKED = "ROLLBACK TO looking; RELEASE looking"
NO_REASON = "no reason given; is the limit of open files (ulimit -n) reached?"


class Connection(psycopg2.extensions.connection):
    """A connection that answers signals while it waits for the server."""

    made = begun = 0.0  # when it and its transaction began, by the process's clock
    limits: Sequence[str] | None = None  # what its transactions set, too, once that is known
    parameters: Mapping[str, Any]  # by which it was made

    def close(self) -> None:
        super().close()
        no_more(self)

    def commit(self) -> None:
        interruptible(self, super().commit)

    def rollback(self) -> None:
        interruptible(self, super().rollback)

    def cancel(self) -> None:
        """Ask the server to cancel whatever the connections of this run are doing. psycopg2's own
        cancel would keep all other threads waiting until the server answers."""
        self._ask_beside(CANCEL, (self.parameters["application_name"],))

    def time_limit(self) -> str | None:
        """Which of the server's limits may have ended this session, as far as can be known: when
        the connection is lost, psycopg2 does not have what the server said."""
        return self._ask_beside(TIME_LIMITS, (1000 * (monotonic() - self.begun),))

    def _ask_beside(self, query: str, parameters: tuple[object, ...]) -> str | None:
        """What the server answers over another connection; None when it answers nothing."""
        plain = {name: self.parameters[name] for name in self.parameters if "_factory" not in name}
        with suppress(psycopg2.Error), closing(psycopg2.connect(**plain)) as other:
            with other.cursor() as cursor:
                cursor.execute(query, parameters)
                found = cursor.fetchone()
            return str(found[0]) if found else None
        return None


class Cursor(psycopg2.extensions.cursor):
    """A cursor that answers signals while it waits for the server."""

    connection: Connection

    def execute(self, query: Any, parameters: Any = None) -> None:
        self._wait(lambda: super(Cursor, self).execute(query, parameters))

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with _without_excepthook():
            self._wait(lambda: super(Cursor, self).copy_expert(sql, file, size))

    def _wait(self, work: Callable[[], None]) -> None:
        try:
            interruptible(self.connection, work)
        except psycopg2.Error as error:
            lost = error.pgcode is None and self.connection.closed
            if lost and (limit := self.connection.time_limit()):
                raise Refused(ended_by(limit)) from error
            raise


def ended_by(limit: str) -> str:
    """What is said of a session that a limit of the server has ended."""
    return f"the server ended the session, it seems for its {limit}; nothing was written"


@contextmanager
def _without_excepthook() -> Iterator[None]:
    """Keep psycopg2 from printing what it cannot raise when a connection is lost during a COPY."""
    shown, sys.excepthook = sys.excepthook, lambda *_: None
    try:
        yield
    finally:
        sys.excepthook = shown


def connect(settings: Settings) -> Connection:
    """A connection named after the run; its first statement opens a transaction.

    A server that cannot be reached is tried again after growing pauses, as long as the connect
    timeout lasts; one that refuses the login is not. Raises `NoConnection`.
    """
    parameters = DEFAULTS | connection_parameters(settings.database_url)
    if settings.connect_timeout is not None:
        parameters["connect_timeout"] = settings.connect_timeout
    parameters |= {
        "application_name": settings.application_name,
        "client_encoding": "UTF8",
        "connection_factory": Connection,
        "cursor_factory": Cursor,
    }
    try:
        connection: Connection = connected(parameters, settings.connect_pause)
    except psycopg2.OperationalError as error:
        if INVALID.search(str(error)):
            raise ConfigurationError(
                f"the database URL cannot be used: {one_line(error)}"
            ) from None
        raise NoConnection(
            f"cannot connect to the database: {one_line(error) or NO_REASON}; check "
            "CLICKSTATS_DATABASE_URL and that the server is running"
        ) from None
    if quotes_otherwise(connection):
        connection = quoting_plainly(connection, parameters, settings.connect_pause)
    connection.parameters = parameters
    connection.made = monotonic()
    log.debug("connected: %s", _described(connection))
    return connection


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
    connection = _taken(settings)
    try:
        with server_errors():
            if not snapshot and connection.info.parameter_status("in_hot_standby") == "on":
                raise Refused(
                    "the server is a standby, which can only be read; connect to the primary, or "
                    "let the URL find it: several hosts and target_session_attrs=read-write"
                )
            connection.set_session(
                isolation_level=ISOLATION_LEVEL_REPEATABLE_READ
                if snapshot
                else ISOLATION_LEVEL_READ_COMMITTED,
                readonly=snapshot,
            )
            begin_anew(connection, settings)
            yield connection
            if not connection.closed:
                connection.commit()
    finally:
        if settings.pool:
            settings.pool.give_back(connection)
        else:
            connection.close()


def _taken(settings: Settings) -> Connection:
    """A new connection, or one of an earlier session that is named after this run from now on."""
    if not settings.pool:
        return connect(settings)
    connection: Connection = settings.pool.take() or connect(settings)
    connection.parameters = {
        **connection.parameters,
        "application_name": settings.application_name,
    }
    settings.pool.lend(connection)
    return connection


def next_transaction(connection: Connection, settings: Settings) -> None:
    """Commit, and begin another transaction of the session."""
    connection.commit()
    begin_anew(connection, settings)


def begin_anew(connection: Connection, settings: Settings) -> None:
    """Begin a transaction, and give it the settings that every transaction has."""
    connection.begun = monotonic()
    with connection.cursor() as cursor:
        named = (
            [f"SET LOCAL application_name = '{settings.application_name}'"] if settings.pool else []
        )
        cursor.execute("; ".join([*set_up(settings.schema), *named, *(connection.limits or ())]))
        if connection.limits is None:
            connection.limits = _limits(cursor, settings)


def _limits(cursor: AnyCursor, settings: Settings) -> list[str]:
    """What each transaction of this connection sets, too, and has set here: how long to wait, where
    nobody else has said so, and what not every server's platform can do. Takes no snapshot."""
    limits = []
    for name in ("lock_timeout", "statement_timeout"):
        seconds = getattr(settings, name)
        if seconds is not None:
            cursor.execute(f"SHOW {name}")
            if cursor.fetchone() == ("0",):
                limits.append(f"SET LOCAL {name} = '{seconds}s'")
                cursor.execute(limits[-1])
    try:
        cursor.execute(f"SAVEPOINT platform; {DIE_WITH_CLIENT}; RELEASE platform")
        limits.append(DIE_WITH_CLIENT)
    except psycopg2.errors.InvalidParameterValue:
        cursor.execute("ROLLBACK TO platform")
    return limits


def set_up(schema: str) -> list[str]:
    """What each transaction sets for itself, whatever the role's defaults are; none of it takes a
    snapshot."""
    return [
        "SET LOCAL quote_all_identifiers = off",  # first: the search path is kept as it is quoted
        f"SET LOCAL search_path = {search_path(schema)}",
        "SET LOCAL TimeZone = 'UTC'",
        "SET LOCAL timezone_abbreviations = 'Default'",  # AT TIME ZONE prefers them to IANA names
        "SET LOCAL IntervalStyle = 'postgres'",
        "SET LOCAL DateStyle = 'ISO'",
        "SET LOCAL bytea_output = 'hex'",
        "SET LOCAL extra_float_digits = 1",  # the shortest text that is exact
        "SET LOCAL standard_conforming_strings = on",
        "SET LOCAL gin_fuzzy_search_limit = 0",  # by a GIN index, all rows
        "SET LOCAL jit = off",  # a look at the catalogs takes 5 ms, compiling it 70
        "SET LOCAL idle_in_transaction_session_timeout = 0",  # while Polars computes
        "SET LOCAL row_security = off",  # an error is better than hidden rows
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
    server: datetime  # when it was started
    known_at: float = field(default_factory=monotonic)  # by a clock that is never set back
    # for threads that read, and may have to share the connection: a COPY does not
    alone: Lock = field(default_factory=Lock, repr=False, compare=False)


def take_snapshot(connection: Connection, writer: Connection | None = None) -> Snapshot:
    """Take the snapshot of a session that was opened with `snapshot`, and its instant; raise
    `Refused` when the writer's session is at another server, which may be ahead."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_export_snapshot(), clock_timestamp()::timestamp, {SERVER}, "
            "pg_is_in_recovery()"
        )
        name, taken_at, server, is_standby = cursor.fetchone()  # type: ignore[misc]
        if writer:
            with writer.cursor() as at_writer:
                at_writer.execute(f"SELECT {SERVER}")
                # a standby may answer both where a balancer spreads the statements of a session
                if at_writer.fetchone() != (server,) or is_standby:
                    raise Refused(TWO_SERVERS)
        log.debug("snapshot %s taken at %s UTC", name, taken_at)
        return Snapshot(connection, name, taken_at, server)


def refuse_clock_set_back(connection: Connection, snapshot: Snapshot) -> None:
    """Raise `Refused` when the server's clock was set back since the snapshot: rows that others
    have computed later look older then. One that only goes slower for a while is none of that."""
    passed = monotonic() - snapshot.known_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()::timestamp")
        (now,) = cursor.fetchone()  # type: ignore[misc]
    missing = passed - (now - snapshot.taken_at).total_seconds()
    if missing > 1 + passed / 10:
        raise Refused(
            f"the server's clock was set back by {missing:,.0f} s during the run; nothing was "
            "written; run again"
        )


@contextmanager
def leaving_no_lock(connection: Connection) -> Iterator[AnyCursor]:
    """A look at tables in the middle of a transaction, undone to a savepoint: a lock that stays
    would have whoever waits for a table wait for this transaction, and behind him all who read it
    for this very run."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT looking")
        try:
            yield cursor
        except psycopg2.errors.UndefinedTable:
            cursor.execute(LOOKED)
            raise
        cursor.execute(LOOKED)


@contextmanager
def time_limit(cursor: AnyCursor, setting: str, limit: str) -> Iterator[str]:
    """Let each lock, or with `statement_timeout` each statement, take at most so long; gives what
    the limit was before."""
    change = "SELECT current_setting(%s), set_config(%s, %s, true)"
    cursor.execute(change, (setting, setting, limit))
    before, _ = cursor.fetchone()  # type: ignore[misc]
    yield before
    cursor.execute(change, (setting, setting, before))


def commit(connection: Connection, settings: Settings) -> None:
    """Publish. A commit may have to wait for a standby; it waits no longer than for a lock. Then
    the wait is cancelled: the commit is done here, and the standby gets it later.

    Raises `NoConnection` when it cannot be known whether the server has done it.
    """
    connection.notices.clear()
    give_up = Timer(settings.lock_timeout, connection.cancel)
    give_up.daemon = True
    give_up.start()
    try:
        connection.commit()
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not isinstance(meaning(error), NoConnection):
            raise
        raise NoConnection(
            f"the connection to the database was lost during the commit: {one_line(error)}; "
            "`clickstats status` says whether the run was published"
        ) from error
    finally:
        give_up.cancel()
    for notice in connection.notices:
        log.warning("the server says: %s", one_line(notice))
    log.debug("committed: published")


def rows_by_name(
    connection: AnyConnection, query: str, parameters: Mapping[str, object]
) -> list[dict[str, Any]]:
    """What a query reads: each row by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def bound(connection: AnyConnection, statement: str, parameters: Mapping[str, object]) -> str:
    """The statement with its parameters bound as literals, for readers that take none."""
    with connection.cursor() as cursor:
        return cursor.mogrify(statement, parameters).decode()
