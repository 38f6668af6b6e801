"""Reads one statement at a snapshot into a frame: through ConnectorX where it can, else COPY."""

from __future__ import annotations

import ctypes
import logging
import os
import re
from codecs import BOM_UTF8
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import polars as pl
from psycopg2 import errors, sql

from pipeline.database.connection import (
    SERVER,
    TWO_SERVERS,
    WITH_INDEXES,
    WITHOUT_INDEXES,
    Snapshot,
    bound,
    ended_by,
    leaving_no_lock,
    search_path,
    set_up,
)
from pipeline.database.server_errors import one_line
from pipeline.database.waiting import in_turn
from pipeline.errors import Blocked, NoConnection, Refused
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

# a hash of a million rows fits; a range of ids that is narrower than a step of the histogram counts
# as one row, for which the server would loop over another one
FOR_BULK = [
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL enable_nestloop = off",
]
M_MMAP_THRESHOLD = -3  # malloc.h
# how often the server looks whether its client is still there; which of day and month a view takes
# to come first in a text: libpq may have that of the environment
AS_THE_SNAPSHOT = ("client_connection_check_interval", "DateStyle")
# what ConnectorX says of a lost connection, and of a statement that was stopped, when the server
# speaks English; of others psycopg2 has a code, for the same statement
GONE = re.compile("FATAL|connection closed|communicating with the server|connecting to server")
LIMIT = re.compile("cancell?ing|timeout")
LOCK_LIMIT = "lock timeout"
FEW = 2**16  # bytes of CSV
# a field of PostgreSQL's CSV and what ends it; only a text has quotes, and an empty one needs them
FIELD = re.compile(r'("[^"]*(?:""[^"]*)*"|[^,\n]*)[,\n]')
# a balancer may spread the statements of one transaction; a condition that the server looks at once
ANOTHER_SERVER = "another server, started "
AT_ITS_SERVER = f"""SELECT part.* FROM (
{{}}
) AS part
WHERE (
    SELECT CASE WHEN {SERVER} = '{{}}' THEN 1
    ELSE concat_ws('', '{ANOTHER_SERVER}', {SERVER})::integer END
) = 1"""  # noqa: S608 (our own texts)
USUAL_SEARCH_PATH = '"$user", public'


class SnapshotReader:
    """Reads statements at a snapshot: in `bulk` over two connections of ConnectorX, where it can
    go; else, and for a few rows, over the snapshot's own. Raises `Refused` when another server than
    the snapshot's answers."""

    def __init__(self, snapshot: Snapshot, settings: Settings, *, bulk: bool) -> None:
        self.snapshot = snapshot
        self.settings = settings
        self.url = connectorx_url(snapshot.connection, settings.schema) if bulk else None
        self.scans: Sequence[str] = ()  # what the sessions of ConnectorX set, too

    @contextmanager
    def past_indexes(self) -> Iterator[None]:
        """Have everything that is read in the block be read without indexes."""
        self._scan(WITHOUT_INDEXES)
        yield
        self._scan(WITH_INDEXES)

    def _scan(self, settings: Sequence[str]) -> None:
        self.scans = settings
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute("; ".join(settings))

    def frames(
        self,
        texts: Iterable[str],
        schema: pl.Schema,
        *,
        as_arrays: bool = False,
        lock_timeout: str = "",
    ) -> Generator[pl.DataFrame]:
        """The frames of the statements, in order; meanwhile the next ones are read. With a
        `lock_timeout` raises `Blocked` when a table is waited for longer by a session that does not
        hold it yet."""
        url = self.url
        if url and lock_timeout:
            url = connectorx_url(self.snapshot.connection, self.settings.schema, lock_timeout)
        return in_turn(
            [partial(self._read, text, schema, url, as_arrays=as_arrays) for text in texts],
            self.snapshot.connection,
            threads=2 if self.url else 1,
        )

    def bound(self, text: str, parameters: Mapping[str, object]) -> str:
        """The statement with its parameters bound as literals."""
        return bound(self.snapshot.connection, text, parameters)

    def copied_without_lock(self, text: str, schema: pl.Schema) -> pl.DataFrame:
        """What a statement reads, over the snapshot's own connection, leaving no lock behind: who
        waits for the table would make the connections that read it next wait behind him. By COPY,
        for which the server uses all its cores; through a cursor it uses one."""
        with leaving_no_lock(self.snapshot.connection):
            return self._read(text, schema, None)

    def row_without_lock(self, query: str) -> Any:
        """The first row of a query that leaves no lock behind: a first load drops indexes."""
        with leaving_no_lock(self.snapshot.connection) as cursor:
            cursor.execute(query)
            return cursor.fetchone()

    def _read(
        self, text: str, schema: pl.Schema, url: str | None, *, as_arrays: bool = False
    ) -> pl.DataFrame:
        """The frame of a statement: through ConnectorX with a `url`, else by COPY."""
        text = AT_ITS_SERVER.format(text, self.snapshot.server)
        try:
            if url is None:
                return read_by_copy(self.snapshot.connection, text, schema)
            return read_by_connectorx(
                url,
                self.snapshot,
                self.settings,
                text,
                schema,
                as_arrays=as_arrays,
                scans=self.scans,
            )
        except errors.InvalidTextRepresentation as error:
            if ANOTHER_SERVER in str(error):
                raise Refused(TWO_SERVERS) from error
            raise


def read_by_connectorx(
    url: str,
    snapshot: Snapshot,
    settings: Settings,
    statement: str,
    schema: pl.Schema,
    *,
    as_arrays: bool = False,
    scans: Sequence[str] = (),
) -> pl.DataFrame:
    """The statement's rows, read on a connection of its own that adopts the snapshot.

    With `as_arrays` the server sends one row, in which each column is an array: ConnectorX takes a
    quarter of the time for it. It is for rows that the server can hold in memory.

    Of ConnectorX's ways to return rows, streaming would take less memory, but it holds the
    interpreter's lock while it waits for the server, so that no signal could be answered.
    """
    # its own log would get between the lines of ours
    os.environ.setdefault("RUST_LOG", "off")
    import connectorx  # with pyarrow a tenth of a second: `run --app-id` does without

    _give_memory_back()
    try:
        frame = connectorx.read_sql(
            url,
            _one_row(statement, schema) if as_arrays else statement,
            return_type="polars",
            protocol="cursor",
            pre_execution_query=[
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                f"SET TRANSACTION SNAPSHOT '{snapshot.name}'",
                *set_up(settings.schema),
                *FOR_BULK,
                *scans,
                *(f"SET LOCAL {name} = '{_shown(snapshot, name)}'" for name in AS_THE_SNAPSHOT),
            ],
        )
    except RuntimeError as error:
        said = one_line(error)
        if GONE.search(said) and not LIMIT.search(said):
            if limit := snapshot.connection.time_limit():
                raise Refused(ended_by(limit)) from error
            raise NoConnection(
                f"the connection to the database was lost: {said}; nothing was written; run again"
            ) from error
        if not LIMIT.search(said):
            log.info("%s; reading the same by COPY", said)
            with snapshot.alone:
                return read_by_copy(snapshot.connection, statement, schema)
        stopped = Blocked if LOCK_LIMIT in said else Refused
        raise stopped(f"the server stopped the reading: {said}; nothing was written") from error
    if as_arrays:
        frame = frame.explode(*schema, keep_nulls=False)  # without rows the arrays are null
    return checked(frame, schema)


def _one_row(statement: str, schema: pl.Schema) -> str:
    columns = ", ".join(f"array_agg({name}) AS {name}" for name in schema)
    return f"WITH part AS ({statement})\nSELECT {columns} FROM part"


@cache
def _give_memory_back() -> None:
    """Have large buffers returned to the system when they are freed. Left alone, glibc learns from
    the first ones to keep all that come after, a third of the memory of a run."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 256 * 1024)


def read_by_copy(connection: Connection, statement: str, schema: pl.Schema) -> pl.DataFrame:
    """The statement's rows, read as CSV over a connection that is already open."""
    rows = BytesIO(BOM_UTF8)  # of what begins like one, Polars takes one away
    rows.seek(len(BOM_UTF8))
    with connection.cursor() as cursor:
        cursor.copy_expert(
            sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(sql.SQL(statement)), rows
        )
    size = rows.tell() - len(BOM_UTF8)
    if not size:
        return schema.to_frame()
    rows.seek(0)
    frame = _few(rows, schema) if size < FEW else _many(rows, schema)
    return checked(frame.select(_read_text(name, dtype) for name, dtype in schema.items()), schema)


def _few(rows: BytesIO, schema: pl.Schema) -> pl.DataFrame:
    """The same as `_many`, of few bytes: in a tenth of the time, and Polars 2.1 keeps some bytes of
    each CSV that it reads for ever."""
    found = FIELD.findall(rows.getvalue().decode("utf-8-sig"))
    fields = [
        field[1:-1].replace('""', '"') if field[:1] == '"' else field or None for field in found
    ]
    width = len(schema)
    texts = pl.DataFrame({name: fields[number::width] for number, name in enumerate(schema)})
    return texts.cast(_on_the_way(schema))


def _many(rows: BytesIO, schema: pl.Schema) -> pl.DataFrame:
    try:
        return pl.read_csv(rows, has_header=False, schema=_on_the_way(schema))
    except pl.exceptions.ComputeError:
        rows.getvalue().decode()  # says where, if the reason is bytes that are no UTF-8
        raise


def _on_the_way(schema: pl.Schema) -> pl.Schema:
    return pl.Schema(
        {name: pl.String() if _written_as_text(dtype) else dtype for name, dtype in schema.items()}
    )


def _written_as_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Datetime | pl.Binary)


def _read_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
    if isinstance(dtype, pl.Binary):
        return column.str.strip_prefix("\\x").str.decode("hex")
    return column


def checked(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame, when its columns are what the schema says; an empty one may lack types."""
    if frame.is_empty():
        return schema.to_frame()
    if frame.schema != schema:
        raise TypeError(f"read {frame.schema}, expected {schema}")
    return frame


def connectorx_url(
    connection: Connection, schema: str = "public", lock_timeout: str = ""
) -> str | None:
    """A URL by which ConnectorX reaches the very server of this connection, or None. Locks are
    waited for as long as over this connection, or for the `lock_timeout`.

    ConnectorX 0.4 verifies no host name, knows only part of libpq's parameters and ignores its
    files and variables; where that could matter, the caller reads through psycopg2 instead.
    """
    info = connection.info
    asked = info.dsn_parameters
    if info.backend_pid != _backend_pid(connection):
        log.debug("reading by COPY: a pooler, and ConnectorX prepares outside of its transaction")
        return None
    if asked.get("channel_binding") == "require" or asked.get("require_auth"):
        log.debug("reading by COPY: ConnectorX knows no channel_binding and no require_auth")
        return None
    if info.ssl_in_use and (
        asked.get("sslmode") in {"verify-ca", "verify-full"}
        or _tls_file(asked, "sslrootcert", "root.crt")
        or _tls_file(asked, "sslcert", "postgresql.crt")
    ):
        log.debug("reading by COPY: ConnectorX checks no certificate as this connection does")
        return None
    log.debug("reading through ConnectorX")
    host = asked.get("hostaddr") or info.host
    host = f"[{host}]" if ":" in host else quote(host, safe="")
    user = quote(info.user, safe="")
    password = f":{quote(info.password, safe='')}" if info.password else ""
    options = {
        "sslmode": "require" if info.ssl_in_use else "disable",
        "application_name": asked["application_name"],
        "keepalives_idle": asked["keepalives_idle"],
        "keepalives_interval": asked["keepalives_interval"],
        "keepalives_retries": asked["keepalives_count"],
        "tcp_user_timeout": str(int(asked["tcp_user_timeout"]) // 1000),  # seconds here
    }
    # ConnectorX asks for the columns' types before the statements that set anything
    server_options = [asked["options"]] if asked.get("options") else []
    server_options.append(
        f"-clock_timeout={lock_timeout or _value(connection, 'SHOW lock_timeout')}"
    )
    if schema != "public" or _default_search_path(connection) != USUAL_SEARCH_PATH:
        path = re.sub(r"([ \\])", r"\\\1", search_path(schema))
        server_options.append(f"-csearch_path={path}")
    options["options"] = " ".join(server_options)
    return (
        f"postgresql://{user}{password}@{host}:{info.port}/{quote(info.dbname, safe='')}"
        f"?{urlencode(options, quote_via=quote)}"
    )


def _default_search_path(connection: Connection) -> str:
    return str(_value(connection, "SELECT reset_val FROM pg_settings WHERE name = 'search_path'"))


def _backend_pid(connection: Connection) -> int:
    return int(_value(connection, "SELECT pg_backend_pid()"))


def _shown(snapshot: Snapshot, setting: str) -> str:
    with snapshot.alone:
        return str(_value(snapshot.connection, f"SHOW {setting}"))


def _value(connection: Connection, query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]  # type: ignore[index]


def _tls_file(asked: dict[str, str], parameter: str, default: str) -> bool:
    """Whether libpq uses this file: because it is named, or because it lies in its usual place."""
    usual = os.path.expanduser(f"~/.postgresql/{default}")
    return parameter in asked or os.path.exists(usual)
