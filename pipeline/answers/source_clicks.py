"""What a report counts of the source's clicks, which no table of ours holds: which classes there
are, and when; and how many applications have news.

They are classified as a run does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.choice import Choice
from pipeline.extract import Extracted
from pipeline.scoring.origins import classified
from pipeline.slices import scored
from schema.columns import CLASSES, INSTANT, SPAN

# the offsets of all zones from UTC are whole quarters of an hour since 1972
QUARTER_HOUR = 900_000_000  # microseconds
QUARTERS = pl.Schema({"class": CLASSES, "quarter_hour": INSTANT, "clicks": pl.Int64()})
FIRST_CLICKS = pl.Schema({"application_id": pl.String(), "time_to_first_click": SPAN})


@dataclass(frozen=True)
class SourceClicks:
    """Used clicks in each quarter of an hour (UTC) by class, as `QUARTERS`; the first click of each
    application, of whatever class, as `FIRST_CLICKS`; applications with a click dated after the
    published snapshot, None where nothing is published; with another definition than the published
    one the rows that it would give, as `scoring.readings.both_readings` has them."""

    quarters: pl.DataFrame
    first_clicks: pl.DataFrame
    outdated: int | None
    rows: pl.DataFrame | None


def source_clicks(extracted: Extracted, taken_at: datetime, choice: Choice) -> SourceClicks:
    """Count the clicks that were read at this instant by the definition that is chosen."""
    published_at = choice.published.snapshot_at if choice.published else None
    quarters, first_clicks, rows, outdated = [], [], [], 0
    for part in extracted.slices():
        if is_other_definition(choice):
            per_application, clicks = scored(part, choice.definition)
            rows.append(per_application)
        else:
            clicks = classified(part.in_order(), choice.definition.clicks)
        quarters.append(_quarters(clicks))
        first_clicks.append(_first_clicks(part, clicks))
        news = pl.col("clicked_at").is_between(published_at, taken_at, closed="right")
        outdated += clicks.filter(news)["application"].n_unique()
    return SourceClicks(
        pl.concat(quarters).group_by("class", "quarter_hour").agg(pl.col("clicks").sum()),
        pl.concat(first_clicks),
        outdated if published_at else None,
        pl.concat(rows) if rows else None,
    )


def is_other_definition(choice: Choice) -> bool:
    """Whether the user asks for another definition than the one by which the rows are stored."""
    return choice.published is not None and choice.definition != choice.published_definition


def _quarters(clicks: pl.DataFrame) -> pl.DataFrame:
    quarter = pl.col("clicked_at").to_physical() // QUARTER_HOUR
    return (
        clicks.lazy()
        .group_by("class", quarter.alias("quarter_hour"))
        .agg(clicks=pl.len().cast(pl.Int64))
        .with_columns((pl.col("quarter_hour") * QUARTER_HOUR).cast(INSTANT))
        .collect()
    )


def _first_clicks(part: Extracted, clicks: pl.DataFrame) -> pl.DataFrame:
    is_first = pl.col("application") != pl.col("application").shift()
    return (
        clicks.lazy()
        .filter(is_first.fill_null(True))
        .select("application", "clicked_at")
        .join(part.applications.lazy(), on="application")
        .select("application_id", time_to_first_click=pl.col("clicked_at") - pl.col("created_at"))
        .collect()
    )
