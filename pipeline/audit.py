"""Is the result fit to be published? Looks at a run's rows and counts before the commit.

Errors keep the run from publishing; warnings are shown and recorded. No database: the caller
gathers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.errors import AuditFailed
from pipeline.plurals import counted
from pipeline.run_report import RunReport
from pipeline.scoring.metrics import HOUR_US, MOST_CLICKS_PER_DAY
from pipeline.scoring.rules import HIGHEST_SCORE, Rule
from pipeline.scoring.scores import ENGAGEMENT, INTENT, SCORES
from schema.columns import INSTANT

if TYPE_CHECKING:
    from pipeline.written import Written

log = logging.getLogger("clickstats")

ODD_SHARE = 0.05  # of the clicks read: more unusable or unattributed ones are worth a warning

# first clicks that look as if a clock was hours away (`shift`)
ENOUGH, EARLY_SHARE, NOBODY, AT_ONCE_SHARE = 20, 0.2, 0.02, 0.3

# what is odd, of one and of several
EARLY = (
    "application has a click before it was created",
    "applications have a click before they were created",
)
CAPPED = (
    "application reaches the highest velocity that can be stored",
    "applications reach the highest velocity that can be stored",
)
TO_DELETE = "; to have runs delete such rows, GRANT DELETE ON link_click_analytics"
ORPHANS = (
    f"row of link_click_analytics has no application any more{TO_DELETE}",
    f"rows of link_click_analytics have no application any more{TO_DELETE}",
)


@dataclass(frozen=True)
class Baseline:
    """What the last published `run --all` saw."""

    applications: int
    clicks_read: int
    timezone: str
    snapshot_at: datetime  # UTC
    definition: Mapping[str, Any] | None  # None: of a run from before definitions
    catalog: str | None = None  # as pipeline.captured.catalog; all changes until then are computed
    pending: int = 0  # rows that it left, for its --limit

    @property
    def document(self) -> Mapping[str, Any]:
        """By which definition it computed, as the ledger keeps it."""
        return self.definition or {"time": {"reporting": self.timezone}}


def audit_read(report: RunReport, before: Baseline | None, max_shrink: float) -> None:
    """Note in the report of a `run --all` what is odd about what was read; raise `AuditFailed` when
    there is so little of it that nothing must be published. `before` is the last published run."""
    warn_of(report, warnings(report, before))
    if before:
        _refuse(
            shrink_errors(
                {"applications": before.applications, "clicks read": before.clicks_read},
                {"applications": report.applications, "clicks read": report.clicks_read},
                max_shrink,
            )
        )


def audit_rows(rows: pl.DataFrame) -> None:
    """Raise `AuditFailed` when a row that is to be written is impossible."""
    _refuse(row_errors(rows))


def warn_of(report: RunReport, warnings: Iterable[str]) -> None:
    """Log warnings, and note them in the report."""
    for warning in warnings:
        log.warning("%s", warning)
        report.warnings.append(warning)


def _refuse(errors: Iterable[str]) -> None:
    if text := "; ".join(errors):
        raise AuditFailed(f"the audit failed: {text}; nothing was published")


def audit_written(written: Written) -> None:
    """Raise `AuditFailed` unless each of the rows is stored now, or its application has gone."""
    missing = written.rows - written.inserted - written.updated - written.newer - written.gone
    if missing:
        _refuse(
            [
                f"{missing:,} of {counted(written.rows, 'row was', 'rows were')} not stored "
                "although the application exists; look for triggers and rules on "
                "link_click_analytics"
            ]
        )


def row_errors(rows: pl.DataFrame) -> Iterator[str]:
    """What is impossible in rows of metrics and scores, one sentence each."""
    counts = rows.select(**_impossible()).row(0, named=True)
    for name, count in counts.items():
        if count:
            yield f"{counted(count, 'row', 'rows')} with {name}"


@cache  # who audits again and again builds them once
def _impossible() -> dict[str, pl.Expr]:
    """How many rows are impossible, by what is impossible about them."""
    unique, total = pl.col("unique_functions_clicked"), pl.col("total_click_events")
    conditions = {
        "more distinct link functions than clicks": unique > total,
        "a negative number of clicks": total < 0,
        "an engagement score that is not the sum of its rules": _wrong(
            "engagement_score", ENGAGEMENT
        ),
        "an intent score that is not the sum of its rules": _wrong("intent_score", INTENT),
    }
    return {name: condition.fill_null(True).sum() for name, condition in conditions.items()}


def _wrong(score: str, rules: tuple[Rule, ...]) -> pl.Expr:
    """A score outside 0 to 100, or another than the points of its rules, added one by one."""
    points = sum((rule.earned() for rule in rules), pl.lit(0))
    expected = pl.when(points > HIGHEST_SCORE).then(HIGHEST_SCORE).otherwise(points)
    return (pl.col(score) != expected) | ~pl.col(score).is_between(0, HIGHEST_SCORE)


def shrink_errors(before: dict[str, int], now: dict[str, int], max_shrink: float) -> Iterator[str]:
    """What has shrunk by more than `max_shrink` percent since the last published run; nothing is
    too much for 100."""
    for name, count in before.items():
        if max_shrink < 100 and count - now[name] > count * max_shrink / 100:
            yield (
                f"{name} fell from {count:,} to {now[name]:,}, by more than {max_shrink:g} %; "
                "if that is right, run with --max-shrink 100"
            )


def warnings(report: RunReport, before: Baseline | None) -> Iterator[str]:
    """What is possible but odd about what was read, one sentence each."""
    if report.clicks_in_future:
        yield counted(
            report.clicks_in_future, "click lies in the future", "clicks lie in the future"
        )
    odd = {"unusable": report.clicks_unusable, "unattributed": report.clicks_unattributed}
    for name, count in odd.items():
        if count > ODD_SHARE * report.clicks_read:
            of_all = counted(report.clicks_read, "click", "clicks")
            yield f"{count:,} of {of_all} {'is' if count == 1 else 'are'} {name}"


def odd_rows(per_application: pl.DataFrame) -> Counter[tuple[str, str]]:
    """How many rows are possible but odd, and in what way."""
    early = pl.col("time_to_first_click") < timedelta()
    capped = pl.col("engagement_velocity") * 10_000 >= MOST_CLICKS_PER_DAY
    counts = per_application.select(early.sum().alias("early"), capped.sum().alias("capped"))
    return +Counter(dict(zip((EARLY, CAPPED), counts.row(0), strict=True)))


def hours_to_first_click(
    per_application: pl.DataFrame, frozen_before: datetime | None = None
) -> Counter[int]:
    """How many applications have their first click in each hour of the day after them, and of the
    day before, in negative numbers. Of frozen ones the first clicks may be gone."""
    hours = pl.col("time_to_first_click").to_physical() // HOUR_US
    near = (
        per_application.filter(~is_frozen(frozen_before))
        .select(hours.alias("hour"))
        .filter(pl.col("hour").is_between(-24, 23))
    )
    return Counter(dict(near["hour"].value_counts().iter_rows()))


def shift(first_clicks: Counter[int]) -> str | None:
    """What about the first clicks looks as if one clock was hours away from the other, in words:
    many before their application, or none in the hours after it and then many at once."""
    total = sum(first_clicks.values())
    if total < ENOUGH:
        return None
    early = sum(count for hour, count in first_clicks.items() if hour < 0)
    if early > EARLY_SHARE * total:
        hour = min((hour for hour in first_clicks if hour < 0), key=lambda h: (-first_clicks[h], h))
        return (
            f"{early:,} of {total:,} first clicks within a day lie before their application, most "
            f"of them up to {counted(-hour, 'hour', 'hours')}"
        )
    beginning = min(hour for hour, count in first_clicks.items() if count > NOBODY * total)
    at_once = first_clicks[beginning] + first_clicks[beginning + 1]
    if beginning >= 1 and at_once > AT_ONCE_SHARE * total:
        first = "first hour" if beginning == 1 else f"first {beginning} hours"
        return f"hardly a first click comes in the {first}, and many right after"
    return None


def is_frozen(frozen_before: datetime | None) -> pl.Expr:
    """Whether an application was created before this instant."""
    return (pl.col("created_at") < pl.lit(frozen_before, INSTANT)).fill_null(False)


def decided_by_machines(
    per_application: pl.DataFrame, frozen_before: datetime | None = None
) -> Counter[str]:
    """How many applications with machine clicks have higher scores for them, and by how many
    points in all. Not counted are those of which repeats or own clicks are left out, too, since
    these may have decided, and frozen ones, which clicks that are gone may have."""
    points = pl.sum_horizontal(
        (pl.col(f"{score}_all") - pl.col(f"{score}_human")).clip(lower_bound=0) for score in SCORES
    )
    decided = per_application.lazy().filter(
        pl.col("machine_clicks") > 0,
        pl.col("own_clicks") + pl.col("repeated_clicks") == 0,
        points > 0,
        ~is_frozen(frozen_before),
    )
    return Counter(
        decided.select(applications=pl.len(), points=points.sum().cast(pl.Int64))
        .collect()
        .row(0, named=True)
    )
