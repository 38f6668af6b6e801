"""The chart of whether the scores predict: what became of the applications in each band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.chart_parts import Spec, chart, colours, compact, named, tooltip
from cli.wording import band, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.answers.report_rows import OutcomeShare

FEW = 10  # pipeline.answers.prediction has it too; importing that would take half a second


def outcomes(rows: Sequence[OutcomeShare], title: str) -> Spec:
    """A point a band and outcome with its interval; the count under each band. Every band keeps its
    place. Bands of few applications are pale and do not stretch the axis: what of their intervals
    lies beyond it is cut."""
    values = [
        {
            **row,
            "range": band(row["band"]),
            "tick": _tick(row),
            "share": percent(row["rate"]),
            "interval": f"{percent(row['low'])} to {percent(row['high'])}",
            "opacity": 1 if row["applications"] >= FEW else 0.25,
        }
        for row in rows
        if row["applications"]
    ]
    highest = [row["high"] or 0 for row in rows if row["applications"] >= FEW]
    shares = {
        "type": "quantitative",
        "axis": {"format": ".0%", "tickCount": 5},
        "scale": {"domain": [0, max(highest, default=1)], "clamp": True},
        "title": None,
    }
    ticks = list(dict.fromkeys(map(_tick, rows)))
    names = list(dict.fromkeys(row["outcome"] for row in rows))
    opacity = {"field": "opacity", "type": "quantitative", "scale": None}
    return chart(
        values,
        height=260,
        encoding={
            "x": named("tick", domain=ticks)
            | {"axis": {"labelExpr": "split(datum.label, '|')", "title": title}},
            "xOffset": {"field": "outcome", "sort": None, "scale": {"domain": names}},
            "color": colours("outcome", *names),
            "opacity": opacity,
            "tooltip": tooltip("outcome", "range", "share", "interval", "applications"),
        },
        layer=[
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"y": {"field": "low", **shares}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50},
                "encoding": {"y": {"field": "rate", **shares}},
            },
        ],
    )


def _tick(row: OutcomeShare) -> str:
    return f"{row['band']}|{compact(row['applications'])}"
