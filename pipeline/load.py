"""From frames to link_click_analytics: a COPY into a staging table, then one update and one insert,
all in one transaction. No business logic."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
from psycopg2 import errors

from pipeline.compare import image
from pipeline.database import in_turn
from pipeline.outcome import Advance, no_advance
from schema.columns import IMAGE
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

log = logging.getLogger("clickstats")

ROWS_PER_COPY = 100_000
ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE = 15, 0.05, 1.0  # seconds
FIRST_LOAD = 10_000  # rows from which indexes are better built afterwards
# a run that waits for another program while it holds rows may be half of a deadlock, which the
# server looks for after a second: it lets go long before
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10ms'"
IN_KEY_ORDER = "SET LOCAL enable_hashjoin = off"
TO_BUILD = "SET LOCAL maintenance_work_mem = '256MB'"
TRY_AGAIN = (errors.ForeignKeyViolation, errors.DeadlockDetected, errors.LockNotAvailable)


@dataclass(frozen=True)
class Written:
    """What became of the rows of a run."""

    inserted: int = 0
    updated: int = 0
    newer: int = 0  # left, because a newer snapshot has written the row meanwhile
    gone: int = 0  # dropped, because the application has been deleted meanwhile


def write(
    connection: Connection,
    per_application: pl.DataFrame,
    rows: pl.DataFrame,
    instant: datetime,
    advance: Advance = no_advance,
) -> Written:
    """Write rows of `per_application` inside the connection's transaction: those that `rows` names,
    as `pipeline.compare.rows_to_write` has them.

    `instant` (UTC) is when the rows' snapshot was taken; it becomes `calculated_at`, and a row that
    a newer snapshot has written is left alone. An application that has gone since is dropped, a job
    that has gone is nulled, a row that has gone is written anew. Where another program holds a lock
    the write is undone and, after a pause, repeated. `advance` hears how many rows are staged.
    """
    if rows.is_empty():
        return Written()
    with connection.cursor() as cursor:
        _stage(cursor, per_application, rows, advance)
        cursor.execute(f"{IN_KEY_ORDER}; {LOCK_TIMEOUT}")
        gone = 0
        for attempt in range(1, ATTEMPTS + 1):
            cursor.execute("SAVEPOINT before_writing")
            try:
                written = _apply(cursor, rows.height - gone, instant, rebuild=attempt == 1)
                break
            except TRY_AGAIN as error:
                log.debug(
                    "attempt %s of %s to write: %s", attempt, ATTEMPTS, error.diag.message_primary
                )
                if attempt == ATTEMPTS:
                    raise
                cursor.execute("ROLLBACK TO before_writing")
                pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                cursor.execute("SELECT pg_sleep(%s)", (pause,))
                gone += _drop_gone(cursor)
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return replace(written, gone=written.gone + gone)


def _stage(
    cursor: Cursor, per_application: pl.DataFrame, rows: pl.DataFrame, advance: Advance
) -> None:
    cursor.execute(statement("staging"))
    columns = [*IMAGE, "is_stored", "is_changed"]
    copy = f"COPY pg_temp.clickstats_staging ({', '.join(columns)}) FROM STDIN (FORMAT csv)"

    def lines(part: pl.DataFrame) -> BytesIO:
        images = image(per_application[part["number"]].lazy()).collect()
        text = BytesIO()
        images.hstack(part.drop("number")).select(columns).write_csv(text, include_header=False)
        text.seek(0)
        return text

    staged = 0
    # the server takes a part in while the next one is written down
    parts = in_turn(partial(lines, part) for part in rows.iter_slices(ROWS_PER_COPY))
    with closing(parts):
        for text in parts:
            cursor.copy_expert(copy, text)
            staged = min(staged + ROWS_PER_COPY, rows.height)
            advance(staged, rows.height)
    log.debug("%s rows staged", f"{staged:,}")


def _apply(cursor: Cursor, rows: int, instant: datetime, *, rebuild: bool) -> Written:
    """Update and insert; with `rebuild`, build indexes of an empty table afterwards."""
    indexes = []
    if rebuild and rows >= FIRST_LOAD:
        cursor.execute(statement("droppable_indexes"))
        indexes = cursor.fetchall()
    for drop, _ in indexes:
        log.debug("%s; built anew after the rows", drop)
        cursor.execute(drop)
    cursor.execute(statement("update"), {"instant": instant})
    updated = cursor.rowcount
    cursor.execute(statement("insert"), {"instant": instant})
    inserted = cursor.rowcount
    log.debug("%s rows updated, %s inserted, not yet committed", f"{updated:,}", f"{inserted:,}")
    if indexes:
        cursor.execute(TO_BUILD)
    for _, create in indexes:
        cursor.execute(create)
    if inserted + updated == rows:
        return Written(inserted, updated)
    cursor.execute(statement("count_newer"), {"instant": instant})
    newer: int = cursor.fetchone()[0]  # type: ignore[index]
    cursor.execute(statement("keep_unstored"))
    gone = _drop_gone(cursor)
    cursor.execute(statement("insert"), {"instant": instant})
    return Written(inserted + cursor.rowcount, updated, newer, gone)


def _drop_gone(cursor: Cursor) -> int:
    """Drop the staged rows whose application has gone, forget the jobs that have; returns how many
    were dropped."""
    cursor.execute(statement("drop_gone"))
    gone = cursor.rowcount
    cursor.execute(statement("null_gone_jobs"))
    return gone
