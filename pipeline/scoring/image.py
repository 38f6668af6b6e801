"""Which rows differ from what is stored? Both are brought into one form, the image, and compared.

Owns the stored form of a row. No database: the stored rows are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from schema.columns import ANALYTICS, INSTANT, READINGS

MARKS = ("is_stored", "is_frozen", "is_changed", "has_other_readings", "has_fewer_clicks")
VALUES = [name for name in ANALYTICS if name != "application_id"]
COUNTS = ("human_clicks", "machine_clicks", "own_clicks", "repeated_clicks")  # all used clicks


def image(scored: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application in the form of `schema.columns.IMAGE`, the stored form: spans as
    microseconds, decimals and arrays as the text that PostgreSQL gives them."""
    functions = scored.collect_schema()["click_sequence"].inner.categories  # type: ignore[attr-defined]
    elements = pl.Enum([array_element(name) for name in functions])
    return scored.with_columns(
        pl.col(
            "time_to_first_click",
            "time_between_first_last_click",
            "first_human_click",
            "last_human_click",
        ).to_physical(),
        pl.col(
            "hours_to_first_click", "hours_between_first_last_click", "engagement_velocity"
        ).cast(pl.String),
        click_sequence=_array(
            pl.col("click_sequence").list.eval(
                pl.element().cat.physical().cat.to(elements).cast(pl.String)
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


def compared(
    images: pl.LazyFrame, stored: pl.LazyFrame, frozen_before: datetime | None = None
) -> pl.LazyFrame:
    """The images beside what is stored (`…_stored`), with what that means:

    - `is_stored`;
    - `is_frozen`: stored, and created before `frozen_before`, so that the stored rows stay; not
      where there are no readings of its clicks, and all of these are still there;
    - `is_changed`: the row of link_click_analytics differs, or is not stored;
    - `has_other_readings`: the row of link_click_readings differs;
    - `has_fewer_clicks` than stored, although it is not frozen; whichever of them count.
    """
    total = "total_click_events"
    # of which none may count
    has_all_clicks = (
        pl.col(total).eq(pl.col(f"{total}_stored")) & pl.col("human_clicks").is_not_null()
    )
    is_frozen = (
        pl.col("is_stored")
        & (pl.col("created_at") < pl.lit(frozen_before, INSTANT))
        & ~(pl.col("human_clicks_stored").is_null() & has_all_clicks)
    )
    is_open = ~pl.col("is_frozen")
    stored_clicks = pl.coalesce(used_clicks("_stored"), pl.col(f"{total}_stored"))
    has_fewer = used_clicks().fill_null(0) < stored_clicks
    return (
        images.join(
            stored.with_columns(is_stored=True), on="application_id", how="left", suffix="_stored"
        )
        .with_columns(is_stored=pl.col("is_stored").fill_null(False))
        .with_columns(is_frozen=is_frozen.fill_null(False))
        .with_columns(
            is_changed=is_open & (~pl.col("is_stored") | _differ(VALUES)),
            has_other_readings=is_open & _differ(READINGS),
            has_fewer_clicks=is_open & has_fewer.fill_null(False),
        )
    )


def used_clicks(suffix: str = "") -> pl.Expr:
    """How many used clicks there are by the readings; null without any."""
    counts = [pl.col(f"{name}{suffix}").cast(pl.Int64) for name in COUNTS]
    return pl.sum_horizontal(counts, ignore_nulls=False)


def _differ(names: Iterable[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_stored")) for name in names)


def marked(
    per_application: pl.DataFrame, stored: pl.DataFrame, frozen_before: datetime | None = None
) -> pl.DataFrame:
    """The marks of `compared`, one row for each of `per_application`, in its order."""
    images = image(per_application.lazy().with_row_index("number"))
    return (
        compared(images, stored.lazy(), frozen_before)
        .select("number", *MARKS)
        .sort("number")
        .collect()
    )


def rows_to_write(
    per_application: pl.DataFrame, marks: pl.DataFrame, *, every: bool = False
) -> pl.DataFrame:
    """The rows of `per_application` that differ from what is stored, in either table, or every one
    that is not frozen, in their order, with `is_stored`, `is_changed`, `has_other_readings` and
    `is_written`: whether the row of link_click_analytics is to be written, or only readings."""
    is_written = pl.col("is_changed") | (pl.lit(every) & ~pl.col("is_frozen"))
    return (
        per_application.hstack(marks)
        .with_columns(is_written=is_written)
        .filter(pl.col("is_written") | pl.col("has_other_readings"))
        .drop("number", "is_frozen", "has_fewer_clicks")
    )


def oldest(rows: Iterable[pl.DataFrame], limit: int) -> tuple[pl.DataFrame, list[str]]:
    """The rows of the oldest applications, in key order, and the ids of the other applications; a
    frame without columns when there are no parts."""
    kept: list[pl.DataFrame] = []
    left: list[str] = []
    for part in rows:
        by_age = pl.concat([*kept, part]).sort("created_at", "application_id", nulls_last=True)
        kept = [by_age.head(limit)]
        left += by_age["application_id"][limit:].to_list()
    return kept[0].sort("application_id") if kept else pl.DataFrame(), left
