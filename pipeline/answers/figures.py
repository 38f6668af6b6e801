"""What a report counts: frames go in, rows of figures come out; no database."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import product, zip_longest
from typing import Any, Literal, cast

import polars as pl

from pipeline.answers.report_rows import (
    ClickSequence,
    HourOfWeek,
    OutcomeShare,
    PairOfBands,
    Response,
    ResponseTime,
    RuleCount,
    ScoreBand,
    Share,
    Verdict,
)
from pipeline.scoring.rules import capped
from pipeline.scoring.scores import SCORES
from schema.columns import SPAN

OUTCOMES = ("interview", "offer")
BANDS = range(0, 100, 10)  # each ten points wide, the last one eleven
MOST_SEQUENCES, MOST_CLICKS_OF_SEQUENCE = 10, 8
# time to first click: roughly doubling, with the thresholds of the rules among them
RESPONSE_EDGES = [
    timedelta(),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8, 12)),
    *(timedelta(days=days) for days in (1, 2, 4, 8, 16, 32, 64, 128, 256)),
]


def distribution(rows: pl.DataFrame) -> list[ScoreBand]:
    """How many applications have each score in each band."""
    counts = {name: _counts(rows, _band(name)) for name in SCORES}
    return [
        {"score": name, "band": band, "applications": counts[name].get((band,), 0)}
        for name in SCORES
        for band in BANDS
    ]


def joint(rows: pl.DataFrame) -> list[PairOfBands]:
    """How many applications have both scores in each pair of bands."""
    counts = _counts(rows, *map(_band, SCORES))
    return [
        {"engagement_band": engagement, "intent_band": intent, "applications": count}
        for engagement in BANDS
        for intent in BANDS
        for count in [counts.get((engagement, intent), 0)]
    ]


def clicks_by_hour(click_times: pl.DataFrame, timezone: str) -> list[HourOfWeek]:
    """How many used clicks came in each hour of each day of the week, in the time zone."""
    local = pl.col("quarter_hour").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    counts = _counts(
        click_times,
        (local.dt.weekday() % 7).alias("day_of_week"),
        local.dt.hour().alias("hour"),
        of=pl.col("clicks").sum(),
    )
    return [
        {"day_of_week": day, "hour": hour, "clicks": counts.get((day, hour), 0)}
        for day in range(7)
        for hour in range(24)
    ]


def response(rows: pl.DataFrame) -> Response:
    """How soon the first click came after the application."""
    times = rows["time_to_first_click"]
    after = times.filter(times > timedelta())
    lower, median, upper = (
        cast("timedelta | None", after.quantile(at, "linear")) for at in (0.25, 0.5, 0.75)
    )
    return {
        "lower_quartile": lower,
        "median": median,
        "upper_quartile": upper,
        "after": after.len(),
        "not_after": times.count() - after.len(),
        "at_the_same_moment": times.filter(times == timedelta()).len(),
        "before": times.filter(times < timedelta()).len(),
        "none": times.null_count(),
    }


def response_times(rows: pl.DataFrame) -> list[ResponseTime]:
    """How many applications had their first click within each range of times."""
    times = rows.filter(pl.col("time_to_first_click") > timedelta())
    edges = pl.Series(RESPONSE_EDGES, dtype=SPAN)
    bins = edges.search_sorted(times["time_to_first_click"], side="right") - 1
    counts = dict(bins.value_counts().iter_rows())
    return [
        {"at_least": at_least, "below": below, "applications": counts.get(number, 0)}
        for number, (at_least, below) in enumerate(zip_longest(RESPONSE_EDGES, RESPONSE_EDGES[1:]))
    ]


def link_functions(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per link function, the most clicked first: its `clicks`, the `applications` with a
    click on it, and those whose `first` or `last` click was on it."""
    sequences = rows["click_sequence"]
    counted = {
        "clicks": sequences.explode(),
        "applications": sequences.list.unique().explode(),
        "first": sequences.list.first(),
        "last": sequences.list.last(),
    }
    kind = pl.Enum(list(counted))
    return (
        pl.concat(
            functions.rename("link_function").to_frame().with_columns(kind=pl.lit(name, kind))
            for name, functions in counted.items()
        )
        .drop_nulls()
        .group_by("link_function")
        .agg((pl.col("kind") == name).sum().alias(name) for name in counted)
        .sort("clicks", "link_function", descending=[True, False])
    )


def sequences(rows: pl.DataFrame) -> list[ClickSequence]:
    """The commonest sequences; of a long one only the beginning, and how many clicks it has."""
    commonest = (
        rows.filter(pl.col("total_click_events") > 0)
        .group_by("sequence")
        .agg(applications=pl.len(), clicks=pl.col("total_click_events").first())
        .top_k(MOST_SEQUENCES, by=["applications", "sequence"], reverse=[False, True])
        .sort("applications", "sequence", descending=[True, False])
        .select(
            click_sequence=pl.col("sequence")
            .str.json_decode(pl.List(pl.String))
            .list.head(MOST_CLICKS_OF_SEQUENCE),
            clicks="clicks",
            applications="applications",
        )
    )
    return cast("list[ClickSequence]", commonest.to_dicts())


def rules(rows: pl.DataFrame) -> list[RuleCount]:
    """How many applications each rule fires for, and the points it gives them in all. The cap is a
    rule that takes points away."""
    counted = [
        (score, name, fired.sum(), points.cast(pl.Int64).sum())
        for score, table in SCORES.items()
        for name, fired, points in (
            *((rule.name, rule.condition, rule.earned()) for rule in table),
            ("cap", capped(table) < 0, capped(table)),
        )
    ]
    figures = iter(
        rows.select(
            figure.alias(f"{number} {kind}")
            for number, (_, _, applications, points) in enumerate(counted)
            for kind, figure in (("applications", applications), ("points", points))
        ).row(0)
    )
    return [
        {"score": score, "rule": name, "applications": next(figures), "points": next(figures)}
        for score, name, *_ in counted
    ]


def outcomes_by_band(by_status: pl.DataFrame) -> list[OutcomeShare]:
    """How many applications in each band of each score came to each outcome, and their share."""
    counts = {(row["score"], row["band"]): row for row in by_status.iter_rows(named=True)}
    nobody = dict.fromkeys(("applications", *OUTCOMES), 0)
    return [
        {
            "score": score,
            "outcome": outcome,
            "band": band,
            **share(count[outcome], count["applications"]),
        }
        for score in SCORES
        for outcome in OUTCOMES
        for band in BANDS
        for count in [counts.get((score, band), nobody)]
    ]


def verdicts(outcomes: list[OutcomeShare]) -> list[Verdict]:
    """Whether the upper half of each score came to each outcome more often than the lower one:
    `higher` or `lower` where the two intervals lie apart, else `not shown`."""
    found: list[Verdict] = []
    for score, outcome in product(SCORES, OUTCOMES):
        of_both = [row for row in outcomes if (row["score"], row["outcome"]) == (score, outcome)]
        below, above = (
            share(sum(row["successes"] for row in half), sum(row["applications"] for row in half))
            for half in (of_both[: len(of_both) // 2], of_both[len(of_both) // 2 :])
        )
        found.append(
            {
                "score": score,
                "outcome": outcome,
                "verdict": _verdict(below, above),
                "below_50": below,
                "from_50": above,
            }
        )
    return found


def _verdict(below: Share, above: Share) -> Literal["higher", "lower", "not shown"]:
    # null where there is nobody
    if above["low"] is not None and below["high"] is not None and above["low"] > below["high"]:
        return "higher"
    if above["high"] is not None and below["low"] is not None and above["high"] < below["low"]:
        return "lower"
    return "not shown"


def share(successes: int, applications: int) -> Share:
    """A share with its interval."""
    if not applications:
        return {"applications": 0, "successes": 0, "rate": None, "low": None, "high": None}
    rate, squared = successes / applications, 1.959964**2 / applications
    middle = (rate + squared / 2) / (1 + squared)
    half = math.sqrt(rate * (1 - rate) * squared + squared**2 / 4) / (1 + squared)
    return {
        "applications": applications,
        "successes": successes,
        "rate": rate,
        "low": max(middle - half, 0.0),
        "high": min(middle + half, 1.0),
    }


def _band(score: str) -> pl.Expr:
    return (pl.col(score) // 10 * 10).clip(upper_bound=BANDS[-1]).alias(score)


def _counts(
    rows: pl.DataFrame, *keys: pl.Expr, of: pl.Expr | None = None
) -> dict[tuple[Any, ...], int]:
    """The number of rows with each combination of the keys; or what `of` sums up of them."""
    counted = rows.group_by(*keys).agg(pl.len() if of is None else of)
    return {tuple(key): count for *key, count in counted.iter_rows()}
