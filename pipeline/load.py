"""From frames to link_click_analytics: which rows differ, and writing them in one transaction.

Owns the stored form of a row (its image), the comparison with what is stored and the writing.
No business logic.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
from psycopg2 import errors

from pipeline.outcome import Advance
from schema.columns import IMAGE
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

log = logging.getLogger("clickstats")

VALUES = [name for name in IMAGE if name != "application_id"]
ROWS_PER_COPY = 100_000
ROWS_PER_SLICE = 200_000
ATTEMPTS = 10
FIRST_LOAD = 10_000  # rows from which indexes are better built afterwards
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '300ms'; SET LOCAL enable_hashjoin = off"
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
    """How many rows a run wrote."""

    inserted: int = 0
    updated: int = 0
    newer: int = 0  # left, because a newer snapshot has written the row meanwhile
    gone: int = 0  # dropped, because the application has been deleted meanwhile


def write(
    connection: Connection,
    rows: pl.DataFrame,
    instant: datetime,
    advance: Advance = lambda done, total: None,
) -> Written:
    """Write the rows inside the connection's transaction.

    `instant` (UTC) is when the rows' snapshot was taken; it becomes `calculated_at`, and a row that
    a newer snapshot has written is left alone. An application that has gone since is dropped, a job
    that has gone is nulled. Locks are waited for briefly, so that another program is not drawn into
    a deadlock; the whole write is then repeated. `advance` hears how many rows are staged.
    """
    if rows.is_empty():
        return Written()
    with connection.cursor() as cursor:
        cursor.execute(statement("staging"))
        cursor.execute(LOCK_TIMEOUT)
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
        log.debug("%s rows staged", f"{staged:,}")
        for attempt in range(1, ATTEMPTS + 1):
            cursor.execute("SAVEPOINT before_writing")
            try:
                return _apply(cursor, rows.height, instant)
            except TRY_AGAIN as error:
                log.debug(
                    "attempt %s of %s to write: %s", attempt, ATTEMPTS, error.diag.message_primary
                )
                if attempt == ATTEMPTS:
                    raise
                cursor.execute("ROLLBACK TO before_writing")
                cursor.execute(statement("drop_missing"))
    raise AssertionError("the last attempt returns or raises")


def _apply(cursor: Cursor, rows: int, instant: datetime) -> Written:
    indexes = []
    if rows >= FIRST_LOAD:
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
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for _, create in indexes:
        cursor.execute(create)
    newer = 0
    if inserted + updated < rows:
        cursor.execute(statement("count_newer"), {"instant": instant})
        newer = cursor.fetchone()[0]  # type: ignore[index]
    return Written(inserted, updated, newer, gone=rows - inserted - updated - newer)
