"""The whole table as a picture: distributions, times, link functions, rules, and whether the scores
go with interviews and offers.

Owns what is counted, each figure equal to an SQL query over the tables; shows nothing itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product, zip_longest
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.database import bound, session, take_snapshot
from pipeline.reader import read_by_copy
from pipeline.rules import capped
from pipeline.scores import SCORES
from pipeline.settings import Settings
from schema.columns import INSTANT, SPAN
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Rows = list[dict[str, Any]]

OUTCOMES = ("interview", "offer")
BANDS = range(0, 100, 10)  # each ten points wide, the last one eleven
MOST_FUNCTIONS, MOST_SEQUENCES, MOST_CLICKS_OF_SEQUENCE = 20, 10, 8
# time to first click: roughly doubling, with the thresholds of the rules among them
RESPONSE_EDGES = [
    timedelta(),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8, 12)),
    *(timedelta(days=days) for days in (1, 2, 4, 8, 16, 32, 64, 128, 256)),
]
TOTALS = pl.Schema(
    {
        "applications": pl.Int64(),
        "missing": pl.Int64(),
        "rows_without_application": pl.Int64(),
        "oldest_calculated_at": INSTANT,
        "newest_calculated_at": INSTANT,
        "newest_updated_at": INSTANT,
    }
)
STORED_ROWS = pl.Schema(
    {
        "time_to_first_click": pl.Int64(),
        "time_between_first_last_click": pl.Int64(),
        "click_sequence": pl.String(),
        "unique_functions_clicked": pl.Int32(),
        "total_click_events": pl.Int32(),
        "click_days_of_week": pl.String(),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
    }
)
CLICK_TIMES = pl.Schema({"quarter_hour": INSTANT, "clicks": pl.Int64()})
STATUSES = pl.Schema(
    {
        "score": pl.String(),
        "band": pl.Int32(),
        "applications": pl.Int64(),
        "interview": pl.Int64(),
        "offer": pl.Int64(),
    }
)
TOP = pl.Schema(
    {
        "application_id": pl.String(),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
        "total_click_events": pl.Int32(),
        "hours_to_first_click": pl.Decimal(10, 2),
        "last_functions": pl.String(),
    }
)


@dataclass(frozen=True)
class Overview:
    """What a report shows. Rows are dictionaries; counts are applications unless they say clicks.
    A band is named after its lowest score; band 90 holds 90 to 100."""

    taken_at: datetime  # UTC
    timezone: str  # of clicks_by_hour
    totals: dict[str, Any]
    scores: Rows  # score: mean, median
    distribution: Rows  # score, band: applications
    joint: Rows  # engagement_band, intent_band: applications
    clicks_by_hour: Rows  # day_of_week (0 = Sunday), hour: clicks, as the source has them now
    response: dict[str, Any]  # quartiles of the positive time_to_first_click; how many have none
    response_times: Rows  # at_least, below: applications; the same time in bins
    functions: Rows  # link_function: clicks, applications, first, last; the most clicked ones
    sequences: Rows  # click_sequence (its beginning), clicks: applications; the commonest ones
    rules: Rows  # score, rule: applications it fired for, points it gave in all
    statuses: dict[str, list[str]]  # what application_status means which outcome
    outcomes: Rows | None  # score, outcome, band: applications, successes, rate, low, high
    verdicts: Rows | None  # score, outcome: verdict, and both halves of the scale
    top: Rows


def overview(settings: Settings, interview: Sequence[str], offer: Sequence[str]) -> Overview:
    """Count everything in one snapshot.

    `interview` and `offer` are the values of `application_status` that mean one, in any case; *
    stands for any text.
    """
    patterns = {"interview": _like(interview), "offer": _like(offer)}
    with session(settings, snapshot=True) as connection:
        taken_at = take_snapshot(connection).taken_at
        totals = _read(connection, "report_totals", TOTALS).row(0, named=True)
        rows = _with_lists(_read(connection, "report_rows", STORED_ROWS))
        click_times = _read(connection, "click_times", CLICK_TIMES)
        top = _read(connection, "top", TOP)
        by_status = (
            _read(connection, "outcomes", STATUSES, patterns) if _has_status(connection) else None
        )
    functions = link_functions(rows)
    outcomes = None if by_status is None else outcomes_by_band(by_status)
    return Overview(
        taken_at=taken_at,
        timezone=settings.timezone,
        totals=totals
        | {
            "stored": rows.height,
            "with_clicks": rows.filter(pl.col("total_click_events") > 0).height,
            "clicks": rows["total_click_events"].cast(pl.Int64).sum(),
            "link_functions": functions.height,
        },
        scores=[
            {"score": name, "mean": rows[name].mean(), "median": rows[name].median()}
            for name in SCORES
        ],
        distribution=distribution(rows),
        joint=joint(rows),
        clicks_by_hour=clicks_by_hour(click_times, settings.timezone),
        response=response(rows),
        response_times=response_times(rows),
        functions=functions.head(MOST_FUNCTIONS).to_dicts(),
        sequences=sequences(rows),
        rules=rules(rows),
        statuses={"interview": list(interview), "offer": list(offer)},
        outcomes=outcomes,
        verdicts=None if outcomes is None else verdicts(outcomes),
        top=top.to_dicts(),
    )


# --- reading ---------------------------------------------------------------------------------


def _read(
    connection: Connection, name: str, schema: pl.Schema, parameters: dict[str, Any] | None = None
) -> pl.DataFrame:
    return read_by_copy(connection, bound(connection, statement(name), parameters or {}), schema)


def _with_lists(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col("time_to_first_click", "time_between_first_last_click").cast(SPAN),
        sequence=pl.col("click_sequence"),
        click_sequence=pl.col("click_sequence").str.json_decode(pl.List(pl.String)),
        click_days_of_week=pl.col("click_days_of_week").str.json_decode(pl.List(pl.Int32)),
    )


def _has_status(connection: Connection) -> bool:
    """Whether there is an application_status that this role may read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_attribute WHERE attrelid = to_regclass('job_applications')"
            " AND attname = 'application_status' AND NOT attisdropped"
            " AND has_column_privilege(attrelid, attnum, 'SELECT')"
        )
        return cursor.rowcount > 0


def _like(names: Sequence[str]) -> list[str]:
    """Names with * for any text as patterns of LIKE."""
    return [re.sub(r"([\\%_])", r"\\\1", name).replace("*", "%") for name in names]


# --- counting --------------------------------------------------------------------------------


def distribution(rows: pl.DataFrame) -> Rows:
    """How many applications have each score in each band."""
    counts = {name: _counts(rows, _band(name)) for name in SCORES}
    return [
        {"score": name, "band": band, "applications": counts[name].get((band,), 0)}
        for name in SCORES
        for band in BANDS
    ]


def joint(rows: pl.DataFrame) -> Rows:
    """How many applications have both scores in each pair of bands."""
    counts = _counts(rows, *map(_band, SCORES))
    return [
        {"engagement_band": engagement, "intent_band": intent, "applications": count}
        for engagement in BANDS
        for intent in BANDS
        for count in [counts.get((engagement, intent), 0)]
    ]


def clicks_by_hour(click_times: pl.DataFrame, timezone: str) -> Rows:
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


def response(rows: pl.DataFrame) -> dict[str, Any]:
    """The quartiles of the time to the first click of those who clicked after the application, and
    how many clicked before it, or have no such time."""
    times = rows["time_to_first_click"]
    after = times.filter(times > timedelta())
    return {
        name: after.quantile(at, "linear")
        for name, at in (("lower_quartile", 0.25), ("median", 0.5), ("upper_quartile", 0.75))
    } | {
        "after": after.len(),
        "not_after": times.count() - after.len(),
        "none": times.null_count(),
    }


def response_times(rows: pl.DataFrame) -> Rows:
    """How many applications had their first click so long after."""
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


def sequences(rows: pl.DataFrame) -> Rows:
    """The commonest sequences; of a long one only the beginning, and how many clicks it has."""
    return (
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
        .to_dicts()
    )


def rules(rows: pl.DataFrame) -> Rows:
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
            pl.struct(applications=applications, points=points).alias(str(number))
            for number, (_, _, applications, points) in enumerate(counted)
        ).row(0)
    )
    return [{"score": score, "rule": name, **next(figures)} for score, name, *_ in counted]


def outcomes_by_band(by_status: pl.DataFrame) -> Rows:
    """How many applications in each band of each score came to each outcome, and their share."""
    counts = {(row["score"], row["band"]): row for row in by_status.iter_rows(named=True)}
    nobody = dict.fromkeys(("applications", *OUTCOMES), 0)
    return [
        {"score": score, "outcome": outcome, "band": band}
        | share(count[outcome], count["applications"])
        for score in SCORES
        for outcome in OUTCOMES
        for band in BANDS
        for count in [counts.get((score, band), nobody)]
    ]


def verdicts(outcomes: Rows) -> Rows:
    """Whether those with 50 points or more came to each outcome more often than those with less:
    `higher` or `lower` where the two intervals lie apart, else `not shown`."""
    found = []
    for score, outcome in product(SCORES, OUTCOMES):
        of_both = [row for row in outcomes if (row["score"], row["outcome"]) == (score, outcome)]
        below, above = (
            share(sum(row["successes"] for row in half), sum(row["applications"] for row in half))
            for half in (of_both[: len(of_both) // 2], of_both[len(of_both) // 2 :])
        )
        verdict = _verdict(below, above)
        found.append(
            {
                "score": score,
                "outcome": outcome,
                "verdict": verdict,
                "below_50": below,
                "from_50": above,
            }
        )
    return found


def _verdict(below: dict[str, Any], above: dict[str, Any]) -> str:
    if not (below["applications"] and above["applications"]):
        return "not shown"
    if above["low"] > below["high"]:
        return "higher"
    return "lower" if above["high"] < below["low"] else "not shown"


def share(successes: int, applications: int) -> dict[str, Any]:
    """A share with its 95% interval after Wilson; null where there is nobody."""
    counts = {"applications": applications, "successes": successes}
    if not applications:
        return counts | {"rate": None, "low": None, "high": None}
    rate, squared = successes / applications, 1.959964**2 / applications
    middle = (rate + squared / 2) / (1 + squared)
    half = math.sqrt(rate * (1 - rate) * squared + squared**2 / 4) / (1 + squared)
    return counts | {"rate": rate, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0)}


def _band(score: str) -> pl.Expr:
    return (pl.col(score) // 10 * 10).clip(upper_bound=BANDS[-1]).alias(score)


def _counts(
    rows: pl.DataFrame, *keys: pl.Expr, of: pl.Expr | None = None
) -> dict[tuple[Any, ...], int]:
    """What there is (rows, unless said otherwise) with each combination of the keys."""
    counted = rows.group_by(*keys).agg(pl.len() if of is None else of)
    return {tuple(key): count for *key, count in counted.iter_rows()}
