"""Which rows differ from what is stored? Both are brought into one form, the image, and compared.

Owns the stored form of a row. No database: the stored rows are handed in.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from schema.columns import IMAGE

# reads the stored rows part by part, and returns what it was told to make of each
ReadStored = Callable[
    [Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.Series]]],
    list[tuple[pl.DataFrame, pl.Series]],
]

VALUES = [name for name in IMAGE if name != "application_id"]
TO_WRITE = ("number", "is_stored", "is_changed")


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
    read_stored: ReadStored,
    *,
    every: bool = False,
    limit: int | None = None,
) -> tuple[pl.DataFrame, int]:
    """Which rows of `per_application` differ from what is stored, or every one: their row numbers
    there (`number`), `is_stored` and `is_changed`, in key order; and how many more there are than
    `limit`: the oldest applications come first.
    """
    numbered = per_application.select("application_id").with_row_index("number")

    def of_part(stored: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        numbers = numbered.join(stored, on="application_id", how="semi")["number"]
        rows = compared(
            image(per_application[numbers].lazy()).with_columns(number=numbers), stored.lazy()
        )
        wanted = rows.filter(pl.col("is_changed") | every).select(TO_WRITE)
        return wanted.collect(), numbers

    stored_rows, stored_numbers = zip(*read_stored(of_part), strict=True)
    missing = numbered.join(pl.concat(stored_numbers).to_frame(), on="number", how="anti").select(
        "number", is_stored=False, is_changed=True
    )
    rows = pl.concat([*stored_rows, missing])
    pending = max(0, rows.height - (rows.height if limit is None else limit))
    if pending:
        oldest_first = ["created_at", "application_id"]
        ages = per_application.select(oldest_first)[rows["number"]]
        rows = rows.hstack(ages).sort(oldest_first, nulls_last=True).head(limit).select(TO_WRITE)
    ids = per_application["application_id"].gather(rows["number"])
    return rows.hstack([ids]).sort("application_id").select(TO_WRITE), pending
