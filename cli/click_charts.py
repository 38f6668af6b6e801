"""The charts about clicks in a report: when they come, how soon, on what, and from whom."""

from __future__ import annotations

from datetime import timedelta
from math import sqrt
from typing import TYPE_CHECKING, Any

from cli.chart_parts import (
    Spec,
    cells,
    chart,
    colours,
    count,
    named,
    tooltip,
)
from cli.output import printable
from cli.wording import ASIDE, MACHINE, READING_NAMES, between, brief, sequence, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.answers.report_rows import (
        ClickSequence,
        HourOfWeek,
        LinkFunction,
        MonthOfClicks,
        Reading,
    )

OF_READINGS = {"all clicks": "var(--second)", "human clicks": "var(--first)"}
OF_CLASSES = {
    "trap": "var(--failed)",
    "declared": "var(--engagement)",
    "network": "var(--interview)",
    "sweep": "var(--intent)",
    "own": "var(--offer)",
    "repeat": "var(--second)",
}
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONDAY_FIRST = [*DAYS[1:], DAYS[0]]
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(days=512)  # where the outer bins end
TICKS = [60, 600, 3_600, 14_400, 86_400, 604_800, 2_592_000, 31_536_000]
TICK_LABEL = (
    "datum.value < 3600 ? datum.value / 60 + ' min' : datum.value < 86400 ? datum.value / 3600"
    " + ' h' : datum.value < 31536000 ? datum.value / 86400 + ' d' : '1 year'"
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


def response_times(readings: Mapping[str, Reading]) -> Spec:
    """A histogram over a logarithmic scale, in each bin a bar for each reading; the quartiles of
    human clicks are lines with a sign."""
    bins: list[dict[str, Any]] = []
    for number, (name, reading) in enumerate(readings.items()):
        for row in reading["response_times"]:
            first = max(row["at_least"], SHORTEST).total_seconds()
            last = (row["below"] or LONGEST).total_seconds()
            middle = sqrt(first * last)
            bins.append(
                {
                    "from": middle if number else first,
                    "to": last if number else middle,
                    "reading": READING_NAMES[name],
                    "time": between(row),
                    "applications": row["applications"],
                }
            )
    top = 1.25 * max(row["applications"] for row in bins)  # room for the signs
    response = readings["human"]["response"]
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
                "mark": {"type": "rect", "stroke": "var(--card)"},
                "encoding": {
                    "x": {"field": "from", **seconds},
                    "x2": {"field": "to"},
                    "y": count("applications") | {"scale": {"domain": [0, top]}},
                    "y2": {"datum": 0},
                    "color": colours("reading", *OF_READINGS, of=OF_READINGS),
                    "tooltip": tooltip("reading", "time", "applications"),
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


def clicks_by_month(months: Sequence[MonthOfClicks]) -> Spec:
    """A bar a month, of the clicks that are not human, by class."""
    values = []
    for row in months:
        counts = {name: row[name] for name in (*MACHINE, *ASIDE)}  # type: ignore[literal-required]
        total = sum(counts.values()) + row["human"]
        values += [
            {"month": row["month"], "class": name, "clicks": number, "share": share(number, total)}
            for name, number in counts.items()
            if number or name == MACHINE[0]  # so that an empty month keeps its place
        ]
    found = [name for name in OF_CLASSES if any(row[name] for row in months)]  # type: ignore[literal-required]
    return chart(
        values,
        height=260,
        mark={"type": "bar"},
        encoding={
            "x": named("month") | {"axis": {"labelOverlap": True, "title": None}},
            "y": count("clicks"),
            "color": colours("class", *found, of=OF_CLASSES) | {"legend": {"columns": 3}},
            "tooltip": tooltip("month", "class", "clicks", "share"),
        },
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
