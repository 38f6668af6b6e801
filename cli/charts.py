"""The charts of a report as Vega-Lite specifications: what is drawn, of which rows.

https://vega.github.io/vega-lite/docs explains every word used here.
"""

from __future__ import annotations

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
from cli.wording import READING_NAMES, band, ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.answers.report_rows import (
        PairOfBands,
        Reading,
        RunOfLedger,
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


def distribution(readings: Mapping[str, Reading], score: str) -> Spec:
    """Two bars a band, one for each reading of the score."""
    values = [
        {
            "band": row["band"],
            "reading": READING_NAMES[name],
            "score": band(row["band"]),
            "applications": row["applications"],
        }
        for name, reading in readings.items()
        for row in reading["distribution"]
        if row["score"] == f"{score}_score"
    ]
    shades = {READING_NAMES["all"]: "var(--second)", READING_NAMES["human"]: COLOURS[score]}
    return chart(
        values,
        height=280,
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": named("band", title="score (bands of ten)"),
            "xOffset": {"field": "reading", "sort": None},
            "y": count("applications"),
            "color": colours("reading", *shades, of=shades),
            "tooltip": tooltip("reading", "score", "applications"),
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
