"""Is the result fit to be published? Looks at a run's rows and counts before the commit.

Errors keep the run from publishing; warnings are shown and recorded. No database: the caller
gathers.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import AuditFailed
from pipeline.metrics import MOST_CLICKS_PER_DAY
from pipeline.outcome import Report
from pipeline.rules import HIGHEST_SCORE, Rule
from pipeline.scores import ENGAGEMENT, INTENT

if TYPE_CHECKING:
    from pipeline.load import Written

log = logging.getLogger("clickstats")

ROWS_PER_SLICE = 200_000
ODD_SHARE = 0.05  # of the clicks read: more unusable or unattributed ones are worth a warning


@dataclass(frozen=True)
class Baseline:
    """What the last published `run --all` saw."""

    applications: int
    clicks_read: int
    timezone: str


def audit(
    report: Report,
    per_application: pl.DataFrame,
    rows: pl.DataFrame,
    before: Baseline | None,
    max_shrink: float,
) -> None:
    """Note in the report of a `run --all` what is odd; raise `AuditFailed` when something must not
    be published.

    `rows` has the `number` of each row of `per_application` that the run writes; `before` is the
    last published run.
    """
    every = rows.height == per_application.height
    errors = list(row_errors(per_application if every else per_application[rows["number"]]))
    report.warnings += warnings(report, per_application)
    if before:
        errors += shrink_errors(
            {"applications": before.applications, "clicks read": before.clicks_read},
            {"applications": report.applications, "clicks read": report.clicks_read},
            max_shrink,
        )
        if before.timezone != report.timezone:
            report.warnings.append(
                f"the time zone is {report.timezone}, in the last published run {before.timezone}"
            )
    for warning in report.warnings:
        log.warning("%s", warning)
    _refuse(errors)


def audit_named(per_application: pl.DataFrame) -> None:
    """Raise `AuditFailed` when a row of a `run --app-id` is impossible. What is odd about a few
    rows is no warning: `explain` shows it."""
    _refuse(list(row_errors(per_application)))


def _refuse(errors: Sequence[str]) -> None:
    if errors:
        raise AuditFailed(f"the audit failed: {'; '.join(errors)}; nothing was published")


def audit_written(rows: int, written: Written) -> None:
    """Raise `AuditFailed` unless each of the rows is stored now, or its application has gone."""
    missing = rows - written.inserted - written.updated - written.newer - written.gone
    if missing:
        _refuse(
            [
                f"{missing} of {rows} rows were not stored although their applications exist; "
                "look for triggers and rules on link_click_analytics"
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
    counts: Counter[str] = Counter()
    for some in rows.iter_slices(ROWS_PER_SLICE):  # what is looked at takes memory too
        found = some.select(
            condition.fill_null(True).sum().alias(name) for name, condition in impossible.items()
        )
        counts.update(found.row(0, named=True))
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


def warnings(report: Report, per_application: pl.DataFrame) -> Iterator[str]:
    """What is possible but odd, one sentence each."""
    early, capped = per_application.select(
        (pl.col("time_to_first_click") < timedelta()).sum().alias("early"),
        (pl.col("engagement_velocity") * 10_000 >= MOST_CLICKS_PER_DAY).sum().alias("capped"),
    ).row(0)
    if early:
        yield f"{early:,} applications have a click before they were created"
    if capped:
        yield f"{capped:,} applications reach the highest velocity that can be stored"
    if report.clicks_in_future:
        yield f"{report.clicks_in_future:,} clicks lie in the future"
    odd = {"unusable": report.clicks_unusable, "unattributed": report.clicks_unattributed}
    for name, count in odd.items():
        if count > ODD_SHARE * report.clicks_read:
            yield f"{count:,} of {report.clicks_read:,} clicks are {name}"
