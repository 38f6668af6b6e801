"""What the charts of a report are made of: axes, colours, cells, tooltips.

Colours are variables of the page's style sheet, so that one drawing serves light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

COLOURS = {
    "engagement": "var(--engagement)",
    "intent": "var(--intent)",
    "response": "var(--response)",
    "interview": "var(--interview)",
    "offer": "var(--offer)",
}
CONFIG = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelLimit": 130,
    },
    "axisX": {"grid": False, "labelAngle": 0},
    "axisY": {"domain": False, "ticks": False},
    "legend": {
        "orient": "top",
        "title": None,
        "labelColor": "var(--ink)",
        "labelFontSize": 12,
        "symbolType": "square",
        "symbolOpacity": 1,
    },
    "text": {"color": "var(--ink)", "fontSize": 11},
}


def compact(count: int) -> str:
    """A count in at most four characters: 374, 3.7k, 37k, 1.2M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return (
                f"{count / size:.1f}{unit}" if count < 9.95 * size else f"{count / size:.0f}{unit}"
            )
    return str(count)


def chart(values: Rows, *, height: int, **parts: Any) -> Spec:
    """A chart as wide as its place."""
    return {
        "data": {"values": values},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        **parts,
    }


def named(field: str, *, title: str | None = None, domain: Sequence[Any] | None = None) -> Spec:
    """A discrete axis in the order of the rows, or of the domain."""
    scale = {} if domain is None else {"scale": {"domain": domain}}
    axis = {"title": title, "ticks": False, "labelPadding": 4}
    return {"field": field, "type": "ordinal", "sort": None, "axis": axis, **scale}


def count(field: str) -> Spec:
    """An axis of counts: 0, 100k, 200k, and nothing between 0 and 1."""
    label = "datum.value % 1 ? '' : format(datum.value, '~s')"
    axis = {"labelExpr": label, "tickCount": 5, "tickMinStep": 1}
    return {"field": field, "type": "quantitative", "axis": axis}


def colours(field: str, *values: str, of: Mapping[str, str] = COLOURS) -> Spec:
    """A colour for each value, with a legend."""
    scale = {"domain": values, "range": [of[value] for value in values]}
    return {"field": field, "type": "nominal", "scale": scale}


def cells() -> Spec:
    """The cells of a heat map."""
    return {
        "mark": {"type": "rect", "color": "var(--first)", "cornerRadius": 2},
        "encoding": {
            "fillOpacity": {
                "field": "strength",
                "type": "quantitative",
                "scale": {"domain": [0, 1], "range": [0.06, 1]},
                "legend": None,
            }
        },
    }


def tooltip(*fields: str) -> list[Spec]:
    """What is shown beside the mouse pointer."""
    numbers = {"applications", "clicks", "count", "points", "written"}
    return [
        {"field": field, "type": "quantitative", "format": ","}
        if field in numbers
        else {"field": field, "type": "nominal"}
        for field in fields
    ]
