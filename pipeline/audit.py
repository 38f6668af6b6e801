"""Is the result fit to be published? Looks at a run's rows and counts before the commit.

Errors keep the run from publishing; warnings are shown and recorded. No database: the caller
gathers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import AuditFailed
from pipeline.run_report import RunReport
from pipeline.scoring.metrics import MOST_CLICKS_PER_DAY
from pipeline.scoring.rules import HIGHEST_SCORE, Rule
from pipeline.scoring.scores import ENGAGEMENT, INTENT

if TYPE_CHECKING:
    from pipeline.load import Written

log = logging.getLogger("clickstats")

ODD_SHARE = 0.05  # of the clicks read: more unusable or unattributed ones are worth a warning

EARLY = "applications have a click before they were created"
CAPPED = "applications reach the highest velocity that can be stored"


@dataclass(frozen=True)
class Baseline:
    """What the last published `run --all` saw."""

    applications: int
    clicks_read: int
    timezone: str
    snapshot_at: datetime  # UTC


def audit_read(report: RunReport, before: Baseline | None, max_shrink: float) -> None:
    """Note in the report of a `run --all` what is odd about what was read; raise `AuditFailed` when
    there is so little of it that nothing must be published. `before` is the last published run."""
    for warning in warnings(report, before):
        _warn(report, warning)
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


def warn_of(report: RunReport, odd: Counter[str]) -> None:
    """Note in the report what `odd_rows` has found."""
    for what, count in odd.items():
        _warn(report, f"{count:,} {what}")


def _warn(report: RunReport, warning: str) -> None:
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
                f"{missing} of {written.rows} rows were not stored although their applications "
                "exist; look for triggers and rules on link_click_analytics"
            ]
        )


def row_errors(rows: pl.DataFrame) -> Iterator[str]:
    """What is impossible in rows of metrics and scores, one sentence each."""
    unique, total = pl.col("unique_functions_clicked"), pl.col("total_click_events")
    impossible = {
        "more distinct link functions than clicks": unique > total,
        "a negative number of clicks": total < 0,
        "an engagement score that is not the sum of its rules": _wrong(
            "engagement_score", ENGAGEMENT
        ),
        "an intent score that is not the sum of its rules": _wrong("intent_score", INTENT),
    }
    counts = rows.select(
        condition.fill_null(True).sum().alias(name) for name, condition in impossible.items()
    ).row(0, named=True)
    for name, count in counts.items():
        if count:
            yield f"{count} rows with {name}"


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
        yield f"{report.clicks_in_future:,} clicks lie in the future"
    odd = {"unusable": report.clicks_unusable, "unattributed": report.clicks_unattributed}
    for name, count in odd.items():
        if count > ODD_SHARE * report.clicks_read:
            yield f"{count:,} of {report.clicks_read:,} clicks are {name}"
    if before and before.timezone != report.timezone:
        yield f"the time zone is {report.timezone}, in the last published run {before.timezone}"


def odd_rows(per_application: pl.DataFrame) -> Counter[str]:
    """How many rows are possible but odd, and in what way."""
    early = pl.col("time_to_first_click") < timedelta()
    capped = pl.col("engagement_velocity") * 10_000 >= MOST_CLICKS_PER_DAY
    counts = per_application.select(early.sum().alias(EARLY), capped.sum().alias(CAPPED))
    return +Counter(counts.row(0, named=True))
