"""Which rows differ from what is stored? Both are brought into one form, the image, and compared.

Owns the stored form of a row. No database: the stored rows are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from schema.columns import IMAGE

VALUES = [name for name in IMAGE if name != "application_id"]


def image(scored: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application in the form of `schema.columns.IMAGE`, the stored form: spans as
    microseconds, decimals and arrays as the text that PostgreSQL gives them."""
    functions = scored.collect_schema()["click_sequence"].inner.categories  # type: ignore[attr-defined]
    elements = pl.Enum([array_element(name) for name in functions])
    return scored.with_columns(
        pl.col("time_to_first_click", "time_between_first_last_click").to_physical(),
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
    per_application: pl.DataFrame, stored: pl.DataFrame, *, every: bool = False
) -> pl.DataFrame:
    """The rows of `per_application` that differ from what is stored, or every one, in their order,
    with `is_stored` and `is_changed`."""
    images = image(per_application.lazy().with_row_index("number"))
    rows = (
        compared(images, stored.lazy())
        .filter(pl.col("is_changed") | every)
        .select("number", "is_stored", "is_changed")
        .sort("number")
        .collect()
    )
    return per_application[rows["number"]].hstack(rows.drop("number"))


def oldest(rows: Iterable[pl.DataFrame], limit: int) -> tuple[pl.DataFrame, int]:
    """The rows of the oldest applications, in key order, and how many more rows there are."""
    total = 0
    kept: list[pl.DataFrame] = []
    for part in rows:
        total += part.height
        by_age = pl.concat([*kept, part]).sort("created_at", "application_id", nulls_last=True)
        kept = [by_age.head(limit)]
    [frame] = kept
    return frame.sort("application_id"), total - frame.height
