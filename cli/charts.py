"""The charts of a report as Vega-Lite specifications: what is drawn, of which rows.

https://vega.github.io/vega-lite/docs explains every word used here.
"""

from __future__ import annotations

from datetime import timedelta
from math import sqrt
from typing import TYPE_CHECKING, Literal, TypedDict

from cli.chart_parts import (
    COLOURS,
    Spec,
    cells,
    chart,
    colours,
    compact,
    count,
    named,
    tooltip,
)
from cli.output import printable
from cli.wording import band, between, brief, ended, sequence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.answers.report_rows import (
        ClickSequence,
        HourOfWeek,
        LinkFunction,
        PairOfBands,
        Response,
        ResponseTime,
        RunOfLedger,
        ScoreBand,
    )

DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONDAY_FIRST = [*DAYS[1:], DAYS[0]]
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(days=512)  # where the outer bins end
TICKS = [60, 600, 3_600, 14_400, 86_400, 604_800, 2_592_000, 31_536_000]
TICK_LABEL = (
    "datum.value < 3600 ? datum.value / 60 + ' min' : datum.value < 86400 ? datum.value / 3600"
    " + ' h' : datum.value < 31536000 ? datum.value / 86400 + ' d' : '1 year'"
)


class RuleFigures(TypedDict):
    """What a rule does, as numbers and as they are written beside its bars."""

    rule: str
    fires_on: str
    applications: int
    points: int
    share: float
    share_label: str
    mean: float
    mean_label: str


def distribution(rows: Sequence[ScoreBand]) -> Spec:
    """Two bars a band, one for each score."""
    values = [
        {**row, "score": row["score"].removesuffix("_score"), "range": band(row["band"])}
        for row in rows
    ]
    return chart(
        values,
        height=300,
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": named("band", title="score (bands of ten)"),
            "xOffset": {"field": "score"},
            "y": count("applications"),
            "color": colours("score", "engagement", "intent"),
            "tooltip": tooltip("score", "range", "applications"),
        },
    )


def joint(rows: Sequence[PairOfBands]) -> Spec:
    """A square of bands: the more applications, the darker, by the square root of their number."""
    most = max(row["applications"] for row in rows)
    values = [
        {
            **row,
            "engagement": band(row["engagement_band"]),
            "intent": band(row["intent_band"]),
            "strength": sqrt(row["applications"] / most),
            "label": compact(row["applications"]),
        }
        for row in rows
        if row["applications"]
    ]
    bands = list(range(0, 100, 10))
    light_text = {"test": "datum.strength > 0.65", "value": "var(--on-fill)"}
    return chart(
        values,
        height=300,
        encoding={
            "x": named("intent_band", title="intent score (bands of ten)", domain=bands),
            "y": named("engagement_band", title="engagement score", domain=bands[::-1]),
            "tooltip": tooltip("engagement", "intent", "applications"),
        },
        layer=[
            cells(),
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {
                    "text": {"field": "label"},
                    "color": {"condition": light_text, "value": "var(--ink)"},
                },
            },
        ],
    )


def clicks_by_hour(rows: Sequence[HourOfWeek]) -> Spec:
    """A row a day, a column an hour: the more clicks, the darker."""
    most = max(row["clicks"] for row in rows)
    values = [
        {**row, "day": DAYS[row["day_of_week"]], "strength": row["clicks"] / most} for row in rows
    ]
    hours = {"values": [0, 3, 6, 9, 12, 15, 18, 21], "title": "hour of the day"}
    return chart(
        values,
        height=260,
        encoding={
            "x": named("hour", domain=list(range(24))) | {"axis": hours},
            "y": named("day", domain=MONDAY_FIRST),
            "tooltip": tooltip("day", "hour", "clicks"),
        },
        layer=[cells()],
    )


def response_times(rows: Sequence[ResponseTime], response: Response) -> Spec:
    """A histogram over a logarithmic scale; the quartiles are lines with a sign."""
    bins = [
        {
            "from": max(row["at_least"], SHORTEST).total_seconds(),
            "to": (row["below"] or LONGEST).total_seconds(),
            "time": between(row),
            "applications": row["applications"],
        }
        for row in rows
    ]
    top = 1.25 * max(row["applications"] for row in rows)  # room for the signs
    quartiles = {
        "¼": response["lower_quartile"],
        "½": response["median"],
        "¾": response["upper_quartile"],
    }
    lines = [
        {
            "at": min(max(at, SHORTEST), LONGEST).total_seconds(),
            "sign": sign,
            "within": brief(at),
            "height": 8 + 16 * number,  # they may stand close together
        }
        for number, (sign, at) in enumerate(quartiles.items())
        if at is not None
    ]
    seconds = {
        "type": "quantitative",
        "scale": {"type": "log", "domain": [SHORTEST.total_seconds(), LONGEST.total_seconds()]},
        "axis": {"values": TICKS, "labelExpr": TICK_LABEL, "labelOverlap": True, "title": None},
    }
    return chart(
        bins,
        height=260,
        layer=[
            {
                "mark": {"type": "rect", "color": "var(--first)", "stroke": "var(--card)"},
                "encoding": {
                    "x": {"field": "from", **seconds},
                    "x2": {"field": "to"},
                    "y": count("applications") | {"scale": {"domain": [0, top]}},
                    "y2": {"datum": 0},
                    "tooltip": tooltip("time", "applications"),
                },
            },
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3]},
                "encoding": {
                    "x": {"field": "at", **seconds},
                    "tooltip": tooltip("sign", "within"),
                },
            },
            {
                "data": {"values": lines},
                "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 16},
                "encoding": {
                    "x": {"field": "at", **seconds},
                    "y": {"field": "height", "type": "quantitative", "scale": None},
                    "text": {"field": "sign"},
                    "tooltip": tooltip("sign", "within"),
                },
            },
        ],
    )


def functions(rows: Sequence[LinkFunction], kinds: Mapping[str, str]) -> Spec:
    """Two bars a link function, one for each column in `kinds`, under the name given there."""
    counts: Sequence[Mapping[str, object]] = rows
    values = [
        {"link function": printable(str(row["link_function"])), "kind": name, "count": row[column]}
        for row in counts
        for column, name in kinds.items()
    ]
    shades = dict(zip(kinds.values(), ("var(--first)", "var(--second)"), strict=True))
    return chart(
        values,
        height=60 + 34 * len(rows),
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "y": named("link function"),
            "yOffset": {"field": "kind", "sort": None},
            "x": count("count") | {"title": None},
            "color": colours("kind", *kinds.values(), of=shades),
            "tooltip": tooltip("link function", "kind", "count"),
        },
    )


def sequences(rows: Sequence[ClickSequence]) -> Spec:
    """A bar a sequence, with its text above it."""
    values = [
        {"rank": rank, "sequence": printable(sequence(row)), "applications": row["applications"]}
        for rank, row in enumerate(rows)
    ]
    return chart(
        values,
        height=40 * len(rows) + 30,
        encoding={
            "y": named("rank") | {"axis": None},
            "tooltip": tooltip("sequence", "applications"),
        },
        layer=[
            {
                "mark": {"type": "bar", "height": 10, "yOffset": 8, "color": "var(--first)"},
                "encoding": {"x": count("applications")},
            },
            {
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dy": -8,
                    "fontSize": 12,
                    "limit": {"expr": "width"},
                },
                "encoding": {"x": {"value": 0}, "text": {"field": "sequence"}},
            },
        ],
    )


def rules(rows: Sequence[RuleFigures], column: Literal["share", "mean"], score: str) -> Spec:
    """A bar a rule, with its figure beside it."""
    figures = [0, *(row[column] for row in rows)]
    # room for the text beside the longest bars
    room = {"rangeMin": 40 if min(figures) < 0 else 0, "rangeMax": {"expr": "width - 44"}}
    beside = f"datum.{column} < 0"
    return chart(
        [{**row, "fires on": row["fires_on"]} for row in rows],
        height=30 * len(rows) + 10,
        encoding={
            "y": named("rule"),
            "x": {
                "field": column,
                "type": "quantitative",
                "axis": None,
                "scale": {"domain": [min(figures), max(figures) or 1], "nice": False, **room},
            },
            "tooltip": tooltip("rule", "fires on", "applications", "points"),
        },
        layer=[
            {"mark": {"type": "bar", "height": 16, "color": COLOURS[score], "cornerRadiusEnd": 2}},
            {
                "mark": {
                    "type": "text",
                    "align": {"expr": f"{beside} ? 'right' : 'left'"},
                    "dx": {"expr": f"{beside} ? -4 : 4"},
                },
                "encoding": {"text": {"field": f"{column}_label"}},
            },
        ],
    )


def published_nothing(run: RunOfLedger) -> bool:
    """Whether a run has ended without publishing its rows."""
    return run["outcome"] not in {"published", "running"}


def runs(found: Sequence[RunOfLedger], column: Literal["seconds", "written"], axis: Spec) -> Spec:
    """A bar a run, the newest at the right; a run that published nothing has a cross above it."""
    rows = [
        {
            "started": str(run["started_at"]),  # two may start within one second
            "kind": "failed" if run["outcome"] == "died" else run["outcome"],
            "mark": "✕" if published_nothing(run) else "…" * (run["outcome"] == "running"),
            "state": ended(run),
            "seconds": round(run["seconds"] or 0, 2),
            "written": run["written"] or 0,
        }
        for run in found
    ]
    most = max(run[column] or 0 for run in found)
    kinds = dict.fromkeys(str(row["kind"]) for row in rows)
    shades = {"published": "var(--first)", "failed": "var(--failed)", "running": "var(--muted)"}
    when = "[slice(datum.label, 0, 10), slice(datum.label, 11, 16)]"
    return chart(
        rows[::-1],
        height=240,
        encoding={
            "x": named("started")
            | {"axis": {"labelExpr": when, "labelOverlap": True, "title": "started (UTC)"}},
            "y": axis | {"scale": {"domain": [0, most or 1]}},
            "color": colours("kind", *kinds, of=shades),
            "tooltip": tooltip("started", "state", "seconds", "written"),
        },
        layer=[
            {"mark": {"type": "bar", "width": {"expr": "min(40, bandwidth('x'))"}}},
            {
                "mark": {"type": "text", "dy": -8, "fontSize": 13, "fontWeight": "bold"},
                "encoding": {"text": {"field": "mark"}},
            },
        ],
    )


def run_seconds(found: Sequence[RunOfLedger]) -> Spec:
    """How long each run took."""
    axis = {"field": "seconds", "type": "quantitative", "axis": {"tickCount": 5}}
    return runs(found, "seconds", axis)


def run_rows(found: Sequence[RunOfLedger]) -> Spec:
    """How many rows each run wrote."""
    return runs(found, "written", count("written") | {"title": "rows"})
