"""Why an application has the scores it has: its clicks as a timeline, its metrics, every rule of
each score, and whether the stored row says the same.

Pure: no database, no clock.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import polars as pl

from pipeline.scoring.metrics import in_order
from pipeline.scoring.rules import waterfall
from pipeline.scoring.scores import SCORES
from schema.columns import ANALYTICS

METRICS = [name for name in ANALYTICS if name not in {"application_id", "job_id"}]


@dataclass(frozen=True)
class OtherValue:
    """A column whose stored value is not the one computed now."""

    column: str
    stored: Any
    computed: Any


@dataclass(frozen=True)
class StoredRow:
    """How the stored row stands to what is computed now."""

    # foreign: it holds values that no run writes, which are not shown
    state: Literal["current", "out of date", "missing", "foreign"]
    calculated_at: datetime | None = None  # UTC
    differences: tuple[OtherValue, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Everything about one application."""

    application_id: str
    job_id: str | None
    created_at: datetime | None  # UTC; null when unusable
    timezone: str  # of hours and days
    clicks: list[dict[str, Any]]  # rows of `timeline`
    clicks_unusable: int
    metrics: dict[str, Any]  # every metric and both scores
    scores: dict[
        str, list[dict[str, Any]]
    ]  # the steps of each score: pipeline.scoring.rules.waterfall
    stored: StoredRow


def timeline(clicks: pl.LazyFrame, timezone: str) -> pl.LazyFrame:
    """One row per used click, in order: `application` (row number), `clicked_at` (UTC),
    `local_time` (ISO 8601), `day_of_week` (0 = Sunday), `hour` and `link_function`."""
    local = pl.col("clicked_at").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return in_order(clicks).select(
        "application",
        "clicked_at",
        local_time=local.dt.to_string("iso:strict"),
        day_of_week=local.dt.weekday() % 7,
        hour=local.dt.hour(),
        link_function=pl.col("link_function").cast(pl.String),
    )


def explanations(
    per_application: pl.DataFrame,
    timelines: pl.DataFrame,
    clicks_unusable: dict[int, int],
    stored: pl.DataFrame,
    foreign: Collection[str],
    timezone: str,
) -> Iterator[Explanation]:
    """One explanation per row of `per_application`, in its order.

    `clicks_unusable` has the number of such clicks by the application's row number; `stored` the
    stored rows, as `schema.columns.STORED`; `foreign` the applications whose stored row is none.
    """
    clicks = timelines.partition_by("application", as_dict=True, include_key=False)
    stored_rows = {row["application_id"]: row for row in stored.iter_rows(named=True)}
    # a run computes sequences of an Enum; here its values are wanted, not its type
    typed = per_application.with_columns(pl.col("click_sequence").cast(pl.List(pl.String)))
    steps = typed.select(**{name: waterfall(rules) for name, rules in SCORES.items()})
    for number, (row, scores) in enumerate(
        zip(typed.iter_rows(named=True), steps.iter_rows(named=True), strict=True)
    ):
        yield Explanation(
            application_id=row["application_id"],
            job_id=row["job_id"],
            created_at=row["created_at"],
            timezone=timezone,
            clicks=clicks[number,].to_dicts() if (number,) in clicks else [],
            clicks_unusable=clicks_unusable.get(number, 0),
            metrics={name: row[name] for name in METRICS},
            scores=scores,
            stored=StoredRow("foreign")
            if row["application_id"] in foreign
            else _compared(row, stored_rows.get(row["application_id"])),
        )


def _compared(computed: dict[str, Any], stored: dict[str, Any] | None) -> StoredRow:
    if stored is None:
        return StoredRow("missing")
    differences = tuple(
        OtherValue(name, stored[name], computed[name])
        for name in ANALYTICS
        if stored[name] != computed[name]
    )
    return StoredRow(
        "out of date" if differences else "current", stored["calculated_at"], differences
    )
