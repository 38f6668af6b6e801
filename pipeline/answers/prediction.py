"""Do the scores predict? What the scores at a landmark say about what came after it.

Frames go in, figures come out; no database. `pipeline.answers.landmark` reads and scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, product
from operator import mul
from typing import Literal, TypedDict

import polars as pl

from pipeline.answers.figures import BANDS, Z, share
from pipeline.answers.report_rows import OutcomeShare, Share
from pipeline.definition import Statuses, means
from pipeline.scoring.scores import ALL_RULES, SCORES
from schema.columns import INSTANT

LANDMARK, MATURE = timedelta(days=3), timedelta(days=30)
OUTCOMES = {"response": 1, "interview": 2, "offer": 3}  # how far an application came, at least
FEW = 10  # applications: of fewer nothing is said, and a band of fewer is drawn pale
MOST_UNTIMED = 0.1  # of the outcomes: with more of them without a time the words are "goes with"
UNTIMED = "outcome without a time"
REASONS = (
    "no created_at",
    "frozen",
    "too recent",
    "response before the landmark",
    UNTIMED,
)


ReadAs = Literal["offer", "interview", "response", "closed", "nothing"]


class StatusReading(TypedDict):
    """A status, and what it was taken for."""

    status: str | None
    applications: int
    read_as: ReadAs


class LeftOut(TypedDict):
    """How many applications do not take part for this reason, the first that fits."""

    reason: str
    applications: int


class Verdict(TypedDict):
    """Whether a score tells those with an outcome from those without."""

    score: str
    outcome: str
    verdict: Literal["higher", "lower", "no difference found", "too few", "not computable"]
    with_outcome: int
    without: int
    auc: float | None  # the chance that one with the outcome has the higher score; ties half
    low: float | None  # its 95% interval
    high: float | None


class RuleShare(TypedDict):
    """How many came to an outcome where a rule had fired at the landmark, and where not."""

    score: str
    rule: str
    outcome: str
    fired: Share
    not_fired: Share


@dataclass(frozen=True)
class Horizon:
    """When a score is looked at, and which applications are old enough for it."""

    taken_at: datetime  # the snapshot, UTC
    landmark: timedelta  # after the application
    mature: timedelta  # from the landmark to the snapshot, at least
    frozen_before: datetime | None  # clicks of older applications may be gone


@dataclass(frozen=True)
class Prediction:
    """What the scores at the landmark say about the outcomes after it, on human clicks."""

    landmark: timedelta
    mature: timedelta
    applications: int
    taking_part: int
    left_out: list[LeftOut]
    statuses: list[StatusReading] | None  # None: no application_status that may be read
    words: Literal["predicts", "goes with"]
    because: Literal["no response times", "outcomes without a time"] | None  # of "goes with"
    outcomes_without_time: int  # of applications that are old enough
    outcomes: int
    verdicts: list[Verdict]
    bands: list[OutcomeShare]
    rules: list[RuleShare]
    changes: list[str]  # of the definition since the last published run, in words


def reading(status: str | None, applications: int, meanings: Statuses) -> StatusReading:
    """What a status is taken for: the furthest outcome that it means, else closed or nothing."""
    read_as: ReadAs = "nothing"
    of_each: dict[ReadAs, tuple[str, ...]] = {
        "closed": meanings.closed,
        "response": meanings.response,
        "interview": meanings.interview,
        "offer": meanings.offer,
    }
    for name, names in of_each.items():
        if means(status, names):
            read_as = name
    return {"status": status, "applications": applications, "read_as": read_as}


def left_out(horizon: Horizon, *, has_times: bool) -> pl.Expr:
    """Why an application does not take part; null when it does."""
    created_at, responded_at = pl.col("created_at"), pl.col("responded_at")
    landmark_at = created_at + horizon.landmark
    reasons = pl.Enum(REASONS)
    undated, frozen, recent, early, untimed = (pl.lit(reason, reasons) for reason in REASONS)
    return (
        pl.when(created_at.is_null())
        .then(undated)
        .when(created_at < pl.lit(horizon.frozen_before, INSTANT))
        .then(frozen)
        .when(landmark_at > horizon.taken_at - horizon.mature)
        .then(recent)
        .when(responded_at <= landmark_at)
        .then(early)
        .when(pl.lit(has_times) & responded_at.is_null() & (pl.col("reached") > 0))
        .then(untimed)
    )


def prediction(
    applications: pl.DataFrame,
    scored: pl.DataFrame,
    statuses: list[StatusReading],
    horizon: Horizon,
    changes: list[str],
    *,
    has_times: bool,
) -> Prediction:
    """All figures. `applications` has one row each with `reached` and `left_out`, `scored` one for
    each that takes part with `reached`, both scores and `human_rules` at the landmark."""
    counts = dict(applications["left_out"].value_counts().iter_rows())
    is_old_enough = ~pl.col("left_out").is_in(REASONS[:3])
    outcomes = applications.filter(is_old_enough.fill_null(True), pl.col("reached") > 0).height
    untimed = counts.get(UNTIMED, 0)
    because: Literal["no response times", "outcomes without a time"] | None = None
    if not has_times:
        because = "no response times"
    elif untimed > MOST_UNTIMED * outcomes:
        because = "outcomes without a time"
    return Prediction(
        landmark=horizon.landmark,
        mature=horizon.mature,
        applications=applications.height,
        taking_part=scored.height,
        left_out=[
            {"reason": reason, "applications": counts[reason]}
            for reason in REASONS
            if reason in counts
        ],
        statuses=statuses,
        words="goes with" if because else "predicts",
        because=because,
        outcomes_without_time=untimed,
        outcomes=outcomes,
        verdicts=[verdict(scored, *pair) for pair in product(SCORES, OUTCOMES)],
        bands=bands(scored),
        rules=rules(scored),
        changes=changes,
    )


def without_statuses(horizon: Horizon, changes: list[str]) -> Prediction:
    """What is said where no application_status may be read: nothing."""
    return Prediction(
        landmark=horizon.landmark,
        mature=horizon.mature,
        applications=0,
        taking_part=0,
        left_out=[],
        statuses=None,
        words="goes with",
        because=None,
        outcomes_without_time=0,
        outcomes=0,
        verdicts=[],
        bands=[],
        rules=[],
        changes=changes,
    )


def verdict(scored: pl.DataFrame, score: str, outcome: str) -> Verdict:
    """Whether a score is higher, or lower, where the outcome came."""
    reached = scored["reached"] >= OUTCOMES[outcome]
    with_outcome = int(reached.sum())
    without = scored.height - with_outcome
    auc, low, high = separation(scored[score], reached)
    found: Literal["higher", "lower", "no difference found", "too few", "not computable"]
    if auc is None:
        found = "not computable"
    elif low is None or high is None or min(with_outcome, without) < FEW:
        found = "too few"
    else:
        found = "higher" if low > 0.5 else "lower" if high < 0.5 else "no difference found"
    return {
        "score": score,
        "outcome": outcome,
        "verdict": found,
        "with_outcome": with_outcome,
        "without": without,
        "auc": auc,
        "low": low,
        "high": high,
    }


def separation(
    scores: pl.Series, has_outcome: pl.Series
) -> tuple[float | None, float | None, float | None]:
    """AUC, the chance that one with the outcome has a higher score than one without (ties count
    half), and its 95% interval after DeLong, DeLong and Clarke-Pearson (1988).

    Null where there is nobody with the outcome, or nobody without; the interval also where there is
    only one. Counts by score take the place of the comparison of all pairs.
    """
    counts = (
        pl.DataFrame({"score": scores, "has": has_outcome})
        .group_by("score")
        .agg(having=pl.col("has").sum(), lacking=(~pl.col("has")).sum())
        .sort("score")
    )
    having, lacking = counts["having"].to_list(), counts["lacking"].to_list()
    positives, negatives = sum(having), sum(lacking)
    if not positives or not negatives:
        return None, None, None
    # of those without the share that has a lower score, of those with it the share that has a
    # higher one
    below = [
        (so_far - own / 2) / negatives
        for so_far, own in zip(accumulate(lacking), lacking, strict=True)
    ]
    above = [
        (positives - so_far + own / 2) / positives
        for so_far, own in zip(accumulate(having), having, strict=True)
    ]
    auc = sum(map(mul, having, below)) / positives
    if min(positives, negatives) == 1:
        return auc, None, None
    variance = sum(
        sum(count * (part - auc) ** 2 for count, part in zip(counted, parts, strict=True))
        / (total - 1)
        / total
        for counted, parts, total in ((having, below, positives), (lacking, above, negatives))
    )
    half = Z * math.sqrt(variance)
    return auc, max(auc - half, 0.0), min(auc + half, 1.0)


def bands(scored: pl.DataFrame) -> list[OutcomeShare]:
    """The share of each outcome in each band of ten points."""
    found: list[OutcomeShare] = []
    for score in SCORES:
        counted = scored.group_by((pl.col(score) // 10 * 10).clip(upper_bound=BANDS[-1])).agg(
            pl.len(), *_reached()
        )
        counts = {row[0]: row[1:] for row in counted.iter_rows()}
        for number, outcome in enumerate(OUTCOMES, 1):
            for band in BANDS:
                row = counts.get(band, (0,) * 4)
                shares = share(row[number], row[0])
                found.append({"score": score, "outcome": outcome, "band": band, **shares})
    return found


def rules(scored: pl.DataFrame) -> list[RuleShare]:
    """The share of each outcome where a rule had fired, and where it had not."""
    found: list[RuleShare] = []
    for score, table in SCORES.items():
        for rule in table:
            fired = (scored["human_rules"] // 2 ** ALL_RULES.index(rule) % 2).cast(pl.Boolean)
            yes, no = (
                scored.filter(rows).select(pl.len(), *_reached()).row(0) for rows in (fired, ~fired)
            )
            for number, outcome in enumerate(OUTCOMES, 1):
                found.append(
                    {
                        "score": score,
                        "rule": rule.name,
                        "outcome": outcome,
                        "fired": share(yes[number], yes[0]),
                        "not_fired": share(no[number], no[0]),
                    }
                )
    return found


def _reached() -> list[pl.Expr]:
    return [(pl.col("reached") >= far).sum().alias(name) for name, far in OUTCOMES.items()]
