"""From frames to link_click_analytics: which rows differ, and writing them in one transaction.

Owns the stored form of a row (its image), the comparison with what is stored and the writing.
No business logic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
from psycopg2 import errors

from pipeline.outcome import Advance, no_advance
from schema.columns import IMAGE
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

VALUES = [name for name in IMAGE if name != "application_id"]
ROWS_PER_COPY = 100_000
ROWS_PER_SLICE = 200_000
ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE = 15, 0.05, 1.0  # seconds
FIRST_LOAD = 10_000  # rows from which indexes are better built afterwards
# a run that waits for another program while it holds rows may be half of a deadlock, which the
# server looks for after a second: it lets go long before
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10ms'"
IN_KEY_ORDER = "SET LOCAL enable_hashjoin = off"
TRY_AGAIN = (errors.ForeignKeyViolation, errors.DeadlockDetected, errors.LockNotAvailable)


def image(scored: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application in the form of `schema.columns.IMAGE`, the stored form: spans as
    microseconds, decimals and arrays as the text that PostgreSQL gives them."""
    functions = scored.collect_schema()["click_sequence"].inner.categories  # type: ignore[attr-defined]
    elements = pl.Series([array_element(name) for name in functions], dtype=pl.String)
    return scored.with_columns(
        pl.col("time_to_first_click", "time_between_first_last_click").to_physical(),
        pl.col(
            "hours_to_first_click", "hours_between_first_last_click", "engagement_velocity"
        ).cast(pl.String),
        click_sequence=_array(
            pl.col("click_sequence").list.eval(pl.lit(elements).gather(pl.element().cat.physical()))
        ),
        click_days_of_week=_array(pl.col("click_days_of_week").cast(pl.List(pl.String))),
    )


def _array(elements: pl.Expr) -> pl.Expr:
    return pl.format("{{{}}}", elements.list.join(","))


def array_element(text: str) -> str:
    """A string as PostgreSQL writes it inside an array (manual, Array Input and Output Syntax)."""
    special = set('"\\{}, \t\n\r\v\f')
    if text and text.upper() != "NULL" and special.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def compared(images: pl.LazyFrame, stored: pl.LazyFrame) -> pl.LazyFrame:
    """The images beside what is stored (`…_stored`), with `is_stored` and `is_changed`; a row that
    is not stored is changed."""
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_stored")) for name in VALUES
    )
    return (
        images.join(
            stored.with_columns(is_stored=True), on="application_id", how="left", suffix="_stored"
        )
        .with_columns(is_stored=pl.col("is_stored").fill_null(False))
        .with_columns(is_changed=~pl.col("is_stored") | differs)
    )


def rows_to_write(
    per_application: pl.DataFrame,
    stored: pl.DataFrame,
    *,
    every: bool = False,
    limit: int | None = None,
) -> tuple[pl.DataFrame, int]:
    """The images that differ from what is stored, or every image, as `compared` has them; and how
    many more there are than `limit`: the oldest applications come first."""
    rows = pl.concat(
        compared(image(part.lazy()), stored.lazy())
        .filter(pl.col("is_changed") | every)
        .drop(f"{name}_stored" for name in VALUES)
        .collect()
        for part in slices(per_application)
    )
    if limit is None or rows.height <= limit:
        return rows, 0
    rows = rows.sort("created_at", "application_id", nulls_last=True)
    return rows.head(limit), rows.height - limit


def slices(per_application: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows in slices, one at least: images and joins take several times their memory."""
    yield per_application.head(ROWS_PER_SLICE)
    yield from per_application.slice(ROWS_PER_SLICE).iter_slices(ROWS_PER_SLICE)


@dataclass(frozen=True)
class Written:
    """What became of the rows of a run."""

    inserted: int = 0
    updated: int = 0
    newer: int = 0  # left, because a newer snapshot has written the row meanwhile
    gone: int = 0  # dropped, because the application has been deleted meanwhile


def write(
    connection: Connection, rows: pl.DataFrame, instant: datetime, advance: Advance = no_advance
) -> Written:
    """Write the rows inside the connection's transaction.

    `instant` (UTC) is when the rows' snapshot was taken; it becomes `calculated_at`, and a row that
    a newer snapshot has written is left alone. An application that has gone since is dropped, a job
    that has gone is nulled, a row that has gone is written anew. Where another program holds a lock
    the write is undone and, after a pause, repeated. `advance` hears how many rows are staged.
    """
    if rows.is_empty():
        return Written()
    with connection.cursor() as cursor:
        _stage(cursor, rows, advance)
        cursor.execute(f"{IN_KEY_ORDER}; {LOCK_TIMEOUT}")
        gone = 0
        for attempt in range(1, ATTEMPTS + 1):
            cursor.execute("SAVEPOINT before_writing")
            try:
                written = _apply(cursor, rows.height - gone, instant, rebuild=attempt == 1)
                break
            except TRY_AGAIN:
                if attempt == ATTEMPTS:
                    raise
                cursor.execute("ROLLBACK TO before_writing")
                pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
                cursor.execute("SELECT pg_sleep(%s)", (pause,))
                gone += _drop_gone(cursor)
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return replace(written, gone=written.gone + gone)


def _stage(cursor: Cursor, rows: pl.DataFrame, advance: Advance) -> None:
    cursor.execute(statement("staging"))
    columns = [*IMAGE, "is_stored", "is_changed"]
    copy = f"COPY pg_temp.clickstats_staging ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
    staged = 0
    for part in rows.select(columns).sort("application_id").iter_slices(ROWS_PER_COPY):
        text = BytesIO()
        part.write_csv(text, include_header=False)
        text.seek(0)
        cursor.copy_expert(copy, text)
        staged += part.height
        advance(staged, rows.height)


def _apply(cursor: Cursor, rows: int, instant: datetime, *, rebuild: bool) -> Written:
    """Update and insert; with `rebuild`, build indexes of an empty table afterwards."""
    indexes = []
    if rebuild and rows >= FIRST_LOAD:
        cursor.execute(statement("droppable_indexes"))
        indexes = cursor.fetchall()
    for drop, _ in indexes:
        cursor.execute(drop)
    cursor.execute(statement("update"), {"instant": instant})
    updated = cursor.rowcount
    cursor.execute(statement("insert"), {"instant": instant})
    inserted = cursor.rowcount
    if indexes:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
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
