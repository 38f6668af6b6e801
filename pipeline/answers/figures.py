"""What a report counts: frames go in, rows of figures come out; no database."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import zip_longest
from typing import Any, cast

import polars as pl

from pipeline.answers.report_rows import (
    ClickSequence,
    HourOfWeek,
    MonthOfClicks,
    PairOfBands,
    Reading,
    Response,
    ResponseTime,
    RuleCount,
    ScoreBand,
    Share,
    Spellings,
    TopApplication,
)
from pipeline.definition import Definition, spelling_line
from pipeline.scoring.image import used_clicks
from pipeline.scoring.rules import capped
from pipeline.scoring.scores import SCORES
from schema.columns import CLASSES, SPAN

READINGS = ("all", "human")
ASKED_FOR = ("LinkedIn", "Calendly")  # link functions that rules name
NOWHERE = "\0"  # which no text of PostgreSQL holds
BANDS = range(0, 100, 10)  # each ten points wide, the last one eleven
Z = 1.959964  # of a 95% interval
MOST_SEQUENCES, MOST_CLICKS_OF_SEQUENCE = 10, 8
MOST_TO_FOLLOW_UP, LAST_CLICKS = 10, 3
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


def readings(rows: pl.DataFrame, count: str) -> dict[str, Reading]:
    """Both readings of the rows, in which stands the one that counts ("all" or "human"). Where no
    readings are stored they say the same."""
    clicks = {"all": used_clicks(), "human": pl.col("human_clicks")}
    return {
        name: _reading(
            rows
            if name == count
            else rows.with_columns(
                pl.coalesce(clicks[name], "total_click_events").alias("total_click_events"),
                pl.col(f"time_to_first_click_{name}").alias("time_to_first_click"),
                *(pl.coalesce(f"{score}_{name}", score).alias(score) for score in SCORES),
            )
        )
        for name in READINGS
    }


def _reading(rows: pl.DataFrame) -> Reading:
    return {
        "with_clicks": rows.filter(pl.col("total_click_events") > 0).height,
        "clicks": int(rows["total_click_events"].cast(pl.Int64).sum()),
        "scores": [
            {
                "score": name,
                "mean": cast("float | None", rows[name].mean()),
                "median": cast("float | None", rows[name].median()),
            }
            for name in SCORES
        ],
        "distribution": distribution(rows),
        "response": response(rows),
        "response_times": response_times(rows),
    }


def clicks_by_month(quarters: pl.DataFrame, timezone: str) -> list[MonthOfClicks]:
    """How many used clicks of each class came in each month with a click, in the time zone."""
    counts = (
        quarters.with_columns(month=_local(timezone).dt.strftime("%Y-%m"))
        .group_by("month")
        .agg(
            pl.col("clicks").filter(pl.col("class") == name).sum().alias(name)
            for name in CLASSES.categories
        )
        .sort("month")
    )
    return cast("list[MonthOfClicks]", counts.to_dicts())


def clicks_by_hour(quarters: pl.DataFrame, timezone: str, count: str) -> list[HourOfWeek]:
    """How many of the used clicks that count came in each hour of each day of the week, in the time
    zone."""
    local = _local(timezone)
    counts = _counts(
        quarters.filter((pl.col("class") == "human") | pl.lit(count == "all")),
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


def alike(functions: pl.DataFrame, definition: Definition) -> list[Spellings]:
    """Link functions that differ only in case or white space, the most clicked ones first, each
    with what to write into the definition. They become the name that a rule or a trap asks for,
    else the one that is clicked most. `functions` as `link_functions` gives them."""
    groups: dict[str, list[str]] = {}
    for name in functions["link_function"]:
        groups.setdefault("".join(name.casefold().split()), []).append(name)
    traps = definition.clicks.trap_functions
    found: list[Spellings] = []
    for names in groups.values():
        name = next((each for each in names if each in (*ASKED_FOR, *traps)), names[0])
        others = [each for each in names if each != name and each not in traps]
        if others:
            known = [each for key in (name, *others) for each in definition.functions.get(key, ())]
            spelled = dict.fromkeys([*known, *others])
            line = spelling_line(name, tuple(each for each in spelled if each != name))
            found.append({"name": name, "others": others, "line": line})
    return found


def top(rows: pl.DataFrame) -> list[TopApplication]:
    """The applications to follow up first, by the human reading of their scores, then their last
    human click; those without a human click are left out."""
    scores = [f"{score}_{reading}" for reading in READINGS for score in SCORES]
    found = (
        rows.lazy()
        .filter(pl.coalesce("human_clicks", "total_click_events") > 0)
        .select(
            "application_id",
            *SCORES,
            *(pl.coalesce(name, name.rpartition("_")[0]) for name in scores),
            "last_human_click",
            "total_click_events",
            "hours_to_first_click",
            last_functions=pl.col("click_sequence").list.tail(LAST_CLICKS),
        )
        .sort(
            "intent_score_human",
            "engagement_score_human",
            "last_human_click",
            "application_id",
            descending=[True, True, True, False],
            nulls_last=True,
        )
        .head(MOST_TO_FOLLOW_UP)
        .with_columns(pl.col("last_functions").list.join(" → "))
        .collect()
    )
    return cast("list[TopApplication]", found.to_dicts())


def sequences(rows: pl.DataFrame) -> list[ClickSequence]:
    """The commonest sequences; of a long one only the beginning, and how many clicks it has."""
    commonest = (
        rows.filter(pl.col("total_click_events") > 0)
        .group_by(sequence=pl.col("click_sequence").list.join(NOWHERE))
        .agg(applications=pl.len(), clicks=pl.col("total_click_events").first())
        .top_k(MOST_SEQUENCES, by=["applications", "sequence"], reverse=[False, True])
        .sort("applications", "sequence", descending=[True, False])
        .select(
            click_sequence=pl.col("sequence").str.split(NOWHERE).list.head(MOST_CLICKS_OF_SEQUENCE),
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


def share(successes: int, applications: int) -> Share:
    """A share with its interval."""
    if not applications:
        return {"applications": 0, "successes": 0, "rate": None, "low": None, "high": None}
    rate, squared = successes / applications, Z**2 / applications
    middle = (rate + squared / 2) / (1 + squared)
    half = math.sqrt(rate * (1 - rate) * squared + squared**2 / 4) / (1 + squared)
    return {
        "applications": applications,
        "successes": successes,
        "rate": rate,
        "low": max(middle - half, 0.0),
        "high": min(middle + half, 1.0),
    }


def _local(timezone: str) -> pl.Expr:
    return pl.col("quarter_hour").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)


def _band(score: str) -> pl.Expr:
    return (pl.col(score) // 10 * 10).clip(upper_bound=BANDS[-1]).alias(score)


def _counts(
    rows: pl.DataFrame, *keys: pl.Expr, of: pl.Expr | None = None
) -> dict[tuple[Any, ...], int]:
    """The number of rows with each combination of the keys; or what `of` sums up of them."""
    counted = rows.group_by(*keys).agg(pl.len() if of is None else of)
    return {tuple(key): count for *key, count in counted.iter_rows()}
