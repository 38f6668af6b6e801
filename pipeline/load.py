"""From frames to link_click_analytics and link_click_readings: slice by slice a COPY into a staging
table, then updates and inserts, all in one transaction. A first load is copied straight into the
two tables. No business logic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs
import psycopg2
from psycopg2 import errors
from psycopg2.errorcodes import QUERY_CANCELED

from pipeline.alterations import Alterations, altering
from pipeline.database.binary_copy import encoded, intervals
from pipeline.database.connection import time_limit
from pipeline.database.waiting import in_turn
from pipeline.errors import Blocked
from pipeline.missing_keys import (
    in_place_of,
    keyless,
    may_delete,
    unguarded_by_keys,
    without_readings_of_gone,
)
from pipeline.source_shape import hold_foreign_tables, past_outdated_indexes
from pipeline.written import ToWrite, Written
from schema.columns import ANALYTICS, INSTANT, READINGS, SPAN
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds
# a run that waits for another program while it holds rows may be half of a deadlock, which the
# server looks for after a second: it lets go long before
LOCK_TIMEOUT = "10ms"
WAIT = "SELECT FROM link_click_analytics, link_click_readings LIMIT 0"
# staged rows are sorted, in memory
IN_KEY_ORDER = "SET LOCAL enable_hashjoin = off; SET LOCAL work_mem = '64MB'"
TO_BUILD = "SET LOCAL maintenance_work_mem = '256MB'"
TRY_AGAIN = (
    errors.ForeignKeyViolation,  # an application or a job has gone
    errors.UniqueViolation,  # another program has added a row
    errors.LockNotAvailable,
    errors.DeadlockDetected,
)
FLAGS = ["is_stored", "is_changed", "is_written", "has_other_readings"]
STAGED = ["id", *ANALYTICS, *READINGS, *FLAGS]
UUIDS = ["id", "application_id", "job_id"]
COPY = f"COPY pg_temp.clickstats_staging ({', '.join(STAGED)}) FROM STDIN (FORMAT binary)"
INSERT = f"INSERT INTO pg_temp.clickstats_staging ({', '.join(STAGED)}) VALUES %s"  # noqa: S608 (our names)
# to import what encodes a COPY takes longer than a statement with the values of few rows and their
# clicks; of many the server parses each one by itself
FEW, FEW_CLICKS = 100, 5_000
# of a first load: columns of the tables themselves
TIMES = ["calculated_at", "created_at", "updated_at"]
STORED = {
    "link_click_analytics": ["id", *ANALYTICS, *TIMES],
    "link_click_readings": ["application_id", *READINGS, "calculated_at"],
}
SPANS = [name for name, dtype in ANALYTICS.items() if dtype == SPAN]
# whether those that a run does not compare have the types that a COPY in binary format needs
AS_EXPECTED = """
SELECT count(*) = 3 FROM pg_attribute
WHERE attrelid = 'link_click_analytics'::regclass AND (attname, atttypid) IN (
    ('id', 'uuid'::regtype), ('created_at', 'timestamp'::regtype),
    ('updated_at', 'timestamp'::regtype)
)
"""
MAY_LOCK = """
SELECT relkind = 'r' AND has_any_column_privilege(oid, 'UPDATE')
FROM pg_class WHERE oid = 'job_applications'::regclass
"""
LOCK = """
SELECT count(*) FROM (SELECT FROM ONLY job_applications FOR KEY SHARE SKIP LOCKED) AS locked
"""


def write(connection: Connection, wanted: ToWrite, instant: datetime, attempts: int) -> Written:
    """Write rows inside the connection's transaction. While the server writes a slice, the next one
    is made.

    `instant` (UTC) is when the rows' snapshot was taken; it becomes `calculated_at`, and a row that
    a newer snapshot has written is left alone. An application that has gone since is dropped, a job
    that has gone is nulled, a row that has gone is written anew. Where that gets in the way, or
    another program's lock or row does, the write is undone and, after a pause, repeated, up to so
    many `attempts`.
    In a first load rows are copied straight into the tables, where nothing may alter them, and
    indexes are built afterwards.
    Readings are written only beside a row of link_click_analytics that this run may write.
    Where no foreign key guards job_applications, a whole run deletes the stored rows whose
    application is gone; any other writes none for such an application. The same for `jobs`. Any run
    deletes them when there are orphans. Where a foreign key should have done so, but was dropped or
    off, or did not fire by replication, that needs a role that may.
    Readings whose application and row are gone are deleted where they are lost, or while no key
    guards them.
    """
    first_load = wanted.first_load
    with (
        connection.cursor() as cursor,
        time_limit(cursor, "lock_timeout", LOCK_TIMEOUT) as patience,
    ):
        missing_keys = keyless(cursor)
        if missing_keys:  # as of foreign tables, which are looked up in the end
            hold_foreign_tables(connection)
        unguarded, replaced, are_readings_unguarded = unguarded_by_keys(
            cursor, missing_keys, whole=wanted.whole
        )
        cursor.execute(IN_KEY_ORDER)
        violated = ""
        for attempt in range(1, attempts + 1):
            names = altering(cursor, "SAVEPOINT before_writing; ")
            try:
                mend = attempt > 1 or unguarded > replaced
                alterations = Alterations(cursor, names)
                written = _write(
                    cursor, wanted, instant, alterations, first_load=first_load, mend=mend
                )
                if replaced:
                    alterations.begin()
                    with past_outdated_indexes(connection):
                        written += in_place_of(replaced, cursor, instant)
                if wanted.orphans() > written.deleted and (
                    "job_applications" in missing_keys or may_delete(cursor)
                ):
                    alterations.begin()
                    with past_outdated_indexes(connection):
                        written += in_place_of({"job_applications"}, cursor, instant)
                if (
                    wanted.lost_readings is not None
                    and "job_applications" not in replaced
                    and (are_readings_unguarded or wanted.lost_readings())
                ):
                    alterations.begin()
                    with past_outdated_indexes(connection):
                        written += without_readings_of_gone(cursor)
                if written != Written():
                    alterations.refuse(wanted, instant, written.newer)
                break
            except Blocked as error:  # who waits for rows of this run goes first
                if attempt == attempts:
                    raise
                log.debug("attempt %s of %s to write: %s", attempt, attempts, error)
                cursor.execute("ROLLBACK TO before_writing")
                with time_limit(cursor, "lock_timeout", patience):
                    cursor.execute(WAIT)
            except psycopg2.Error as error:
                # whatever comes of the faster way, the slower one may do without: of a row that is
                # there by now, of dropping indexes, which a publication or a view may need, or an
                # event trigger forbids
                comes_of_it = first_load and error.pgcode not in (None, QUERY_CANCELED)
                # what looking again has not mended once, it never will: an index of somebody else
                hopeless = isinstance(error, psycopg2.IntegrityError) and violated == str(error)
                may_pass = comes_of_it or (isinstance(error, TRY_AGAIN) and not hopeless)
                if attempt == attempts or not may_pass:
                    raise
                violated = str(error)
                log.debug(
                    "attempt %s of %s to write: %s", attempt, attempts, error.diag.message_primary
                )
            cursor.execute("ROLLBACK TO before_writing")
            pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
            cursor.execute("SELECT pg_sleep(%s)", (pause,))
            first_load = False
    log.debug(
        "%s rows updated, %s inserted, not yet committed",
        f"{written.updated:,}",
        f"{written.inserted:,}",
    )
    return written


def _write(
    cursor: Cursor,
    wanted: ToWrite,
    instant: datetime,
    alterations: Alterations,
    *,
    first_load: bool,
    mend: bool,
) -> Written:
    """Write all slices."""
    straight = first_load and not mend and not alterations.names and _is_as_expected(cursor)
    indexes = _drop_indexes(cursor, straight=straight) if first_load else []

    def works() -> Generator[Callable[[], Written]]:
        if straight:
            yield partial(_lock_applications, cursor)
        for number, rows in enumerate(part for part in wanted.slices() if not part.is_empty()):
            if straight:
                yield _copying(cursor, _with_ids(rows), instant)
                continue
            stage = staging(cursor, _with_ids(rows).select(STAGED))
            ids = rows["application_id"]
            parameters = {
                "first": ids[0],
                "last": ids[-1],
                "instant": instant,
                "every": wanted.every,
                "run": wanted.run,
                "only_stored": wanted.only_stored,
            }
            yield partial(
                _write_slice,
                cursor,
                stage,
                rows.height,
                int(rows["is_written"].sum()),
                parameters,
                alterations,
                is_first=not number,
                mend=mend,
            )

    written = Written()
    connection = cursor.connection
    with (
        closing(works()) as waiting,
        closing(in_turn(waiting, connection)) as done,
    ):
        for of_a_slice in done:
            written += of_a_slice
    if indexes:
        cursor.execute(TO_BUILD)
    for create in indexes:
        cursor.execute(create)
    if straight:
        cursor.execute(statement("delete_readings_beside"), {"instant": instant})
        written += Written(readings_deleted=cursor.rowcount)
    return written


def _lock_applications(cursor: Cursor) -> Written:
    """Lock all applications in the order in which they are stored, where the role may. The foreign
    keys do so in the order of the ids, for which each page is logged once between checkpoints."""
    cursor.execute(MAY_LOCK)
    if cursor.fetchone() == (True,):
        cursor.execute(LOCK)
    return Written()


def _is_as_expected(cursor: Cursor) -> bool:
    cursor.execute(AS_EXPECTED)
    return cursor.fetchone() == (True,)


def _copying(cursor: Cursor, rows: pl.DataFrame, instant: datetime) -> Callable[[], Written]:
    """What copies the rows, of which none is stored, into the tables themselves."""
    rows = rows.with_columns(
        *(intervals(rows[name]) for name in SPANS),
        *(pl.lit(instant, INSTANT).alias(name) for name in TIMES),
    )
    parts = {
        "link_click_analytics": rows,
        "link_click_readings": rows.filter(pl.col("human_clicks").is_not_null()),
    }
    copies = [
        (
            f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)",
            encoded(parts[table].select(columns), UUIDS),
        )
        for table, columns in STORED.items()
    ]

    written = Written(
        rows.height,
        inserted=rows.height,
        readings_written=parts["link_click_readings"].height,
    )

    def copy() -> Written:  # keeps no frame while it waits for its turn
        for text, copied in copies:
            cursor.copy_expert(text, copied)
        log.debug("%s rows copied", f"{written.rows:,}")
        return written

    return copy


def _write_slice(
    cursor: Cursor,
    stage: Callable[[], None],
    staged: int,
    rows: int,
    parameters: dict[str, object],
    alterations: Alterations,
    *,
    is_first: bool,
    mend: bool,
) -> Written:
    """Stage a slice and write it; with `mend`, first look for what has changed meanwhile. Of the
    `staged` applications `rows` are to be written, of the others only their readings."""
    cursor.execute(statement("staging") if is_first else "TRUNCATE pg_temp.clickstats_staging")
    stage()
    log.debug("%s rows staged", f"{staged:,}")
    gone = 0
    if mend:
        gone, rows = _look_again(cursor, parameters)
    alterations.begin()
    cursor.execute(statement("update"), parameters)
    updated, inserted, newer = cursor.rowcount, 0, 0
    if updated < rows:
        cursor.execute(statement("insert"), parameters)
        inserted = cursor.rowcount
    if updated + inserted < rows:
        cursor.execute(statement("count_newer"), parameters)
        newer = cursor.fetchone()[0]  # type: ignore[index]
        gone_since, rows = _look_again(cursor, parameters)
        gone += gone_since
        cursor.execute(statement("insert"), parameters)
        inserted += cursor.rowcount
    without_change = staged - gone - rows
    alterations.keep()
    if newer or without_change:
        cursor.execute(statement("keep_ours"), parameters)
    if parameters["run"]:
        cursor.execute(statement("record_changes"), parameters)
    cursor.execute(statement("write_readings"), parameters)
    readings_written = cursor.rowcount
    cursor.execute(statement("delete_readings"), parameters)
    return Written(
        rows + gone,
        inserted,
        updated,
        newer,
        gone,
        without_change=without_change,
        readings_written=readings_written,
        readings_deleted=cursor.rowcount,
    )


def staging(cursor: Cursor, rows: pl.DataFrame) -> Callable[[], None]:
    """What sends the rows, with the columns `STAGED`, to the staging table."""
    rows = rows.with_columns((cs.duration() | cs.datetime()).to_physical())
    if rows.height > FEW or rows["click_sequence"].list.len().sum() > FEW_CLICKS:
        return partial(cursor.copy_expert, COPY, encoded(rows, UUIDS))
    from psycopg2.extras import execute_values

    return partial(execute_values, cursor, INSERT, rows.rows(), page_size=FEW)


def _with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with an `id` where they are not stored: random, but ascending, so that neighbours
    go to the same page of the primary key."""
    if rows["is_stored"].all():
        return rows.with_columns(id=pl.lit(None, pl.String))
    digits = token_hex(16 * rows.height)
    random = (digits[start : start + 32] for start in range(0, len(digits), 32))
    ids = sorted(f"{hexa[:12]}4{hexa[13:16]}8{hexa[17:]}" for hexa in random)  # version 4
    return rows.with_columns(id=pl.when(~pl.col("is_stored")).then(pl.Series(ids)))


def _drop_indexes(cursor: Cursor, *, straight: bool) -> list[str]:
    """Drop the indexes that are better built after a first load; returns the statements that build
    them."""
    cursor.execute(statement("droppable_indexes"), {"straight": straight})
    indexes = cursor.fetchall()
    for drop, _ in indexes:
        log.debug("%s; built anew after the rows", drop)
        cursor.execute(drop)
    return [create for _, create in indexes]


def _look_again(cursor: Cursor, parameters: dict[str, object]) -> tuple[int, int]:
    """Drop the staged rows whose application has gone, forget the jobs that have, note which rows
    are stored by now; returns how many were dropped, and how many are to be written."""
    with past_outdated_indexes(cursor.connection):
        cursor.execute(statement("drop_gone"), parameters)
        gone = cursor.rowcount
        cursor.execute(statement("null_gone_jobs"))
    cursor.execute(statement("mark_stored"))
    cursor.execute("SELECT count(*) FROM pg_temp.clickstats_staging WHERE is_written")
    return gone, cursor.fetchone()[0]  # type: ignore[index]
