"""From frames to link_click_analytics: which rows differ, and writing them in one transaction.

Owns the stored form of a row (its image), the comparison with what is stored and the writing.
No business logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
from psycopg2 import errors

from schema.columns import IMAGE
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

VALUES = [name for name in IMAGE if name != "application_id"]
ROWS_PER_COPY = 100_000
ATTEMPTS = 5


def image(scored: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application in the form of `schema.columns.IMAGE`, the stored form: spans as
    microseconds, decimals and arrays as the text that PostgreSQL gives them."""
    sequence = scored.collect_schema()["click_sequence"]
    assert isinstance(sequence, pl.List) and isinstance(sequence.inner, pl.Enum)
    elements = pl.Series([array_element(name) for name in sequence.inner.categories], dtype=pl.String)
    return scored.with_columns(
        pl.col("time_to_first_click", "time_between_first_last_click").to_physical(),
        pl.col(
            "hours_to_first_click", "hours_between_first_last_click", "engagement_velocity"
        ).cast(pl.String),
        click_sequence=_array(
            pl.col("click_sequence").list.eval(
                pl.lit(elements).gather(pl.element().cat.physical())
            )
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


def rows_to_write(images: pl.LazyFrame, stored: pl.LazyFrame, *, every: bool) -> pl.LazyFrame:
    """The images that differ from what is stored, or every image, with `is_stored` and
    `is_changed` and whatever else the images carry."""
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_stored")) for name in VALUES
    )
    joined = images.join(
        stored.with_columns(is_stored=True), on="application_id", how="left", suffix="_stored"
    ).with_columns(is_stored=pl.col("is_stored").fill_null(False))
    return (
        joined.with_columns(is_changed=~pl.col("is_stored") | differs)
        .filter(pl.col("is_changed") | every)
        .drop(f"{name}_stored" for name in VALUES)
    )


@dataclass(frozen=True)
class Written:
    """How many rows a run wrote."""

    inserted: int = 0
    updated: int = 0


def write(connection: Connection, rows: pl.DataFrame, now: datetime) -> Written:
    """Write the rows inside the connection's transaction; `now` (UTC) becomes `calculated_at`.

    An application that has gone since the snapshot is dropped, a job that has gone is nulled.
    """
    if rows.is_empty():
        return Written()
    with connection.cursor() as cursor:
        cursor.execute(statement("staging"))
        columns = [*IMAGE, "is_stored", "is_changed"]
        copy = f"COPY pg_temp.clickstats_staging ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
        for part in rows.select(columns).sort("application_id").iter_slices(ROWS_PER_COPY):
            text = BytesIO()
            part.write_csv(text, include_header=False)
            text.seek(0)
            cursor.copy_expert(copy, text)
        for attempt in range(1, ATTEMPTS + 1):
            cursor.execute("SAVEPOINT before_writing")
            try:
                cursor.execute(statement("update"), {"now": now})
                updated = cursor.rowcount
                cursor.execute(statement("insert"), {"now": now})
                return Written(inserted=cursor.rowcount, updated=updated)
            except (errors.ForeignKeyViolation, errors.DeadlockDetected):
                if attempt == ATTEMPTS:
                    raise
                cursor.execute("ROLLBACK TO before_writing")
                cursor.execute(statement("drop_missing"))
    raise AssertionError("unreachable")
