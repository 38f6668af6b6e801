"""The sections about clicks on the page of a report: when they come, on what, and from whom."""

from __future__ import annotations

from collections.abc import Iterator

from cli import click_charts
from cli.output import printable
from cli.report_parts import Figure, Section, Table
from cli.wording import (
    ALIKE,
    ASIDE,
    MACHINE,
    READING_NAMES,
    between,
    by_class,
    counted,
    newest_months,
    response,
    sequence,
    texts,
)
from pipeline.answers.overview import Overview
from pipeline.scoring.evidence import DAYS

WEEK = (1, 2, 3, 4, 5, 6, 0)  # Monday first
MOST_MONTHS = 36


def click_sections(seen: Overview) -> Iterator[Section]:
    """The sections, in their order."""
    times = [
        (f"{READING_NAMES[name].capitalize()}:", response(reading["response"]))
        for name, reading in seen.readings.items()
    ]
    yield Section("When the clicks come", [_clicks_by_hour(seen), _response_times(seen)], times)
    hint = [("", ALIKE), *(("", printable(row["line"])) for row in seen.alike)]
    yield Section(
        "What is clicked", [*_functions(seen), _sequences(seen)], hint if seen.alike else []
    )


def machine_section(seen: Overview) -> Section:
    """How many clicks are not human, and when they came."""
    return Section(
        "Machine clicks over time",
        [_clicks_by_month(seen)],
        [("", by_class(seen.clicks_by_month))],
    )


def _clicks_by_month(seen: Overview) -> Figure:
    months = newest_months(seen, MOST_MONTHS)
    classes = ("human", *ASIDE, *MACHINE)
    not_human = sum(row[name] for row in months for name in (*ASIDE, *MACHINE))  # type: ignore[literal-required]
    return Figure(
        "Clicks that are not human, by month",
        Table(("month", *classes), [(row["month"], *texts(row, *classes)) for row in months]),
        click_charts.clicks_by_month(months) if not_human else None,
        f"Bars: clicks in each of {len(months)} months that are not human, by class.",
        f"Clicks of the source as it is now, in time zone {seen.timezone}; human clicks are in the "
        "numbers only.",
    )


def _clicks_by_hour(seen: Overview) -> Figure:
    counts = {(row["day_of_week"], row["hour"]): row["clicks"] for row in seen.clicks_by_hour}
    (day, hour), most = max(counts.items(), key=lambda item: item[1])
    busiest = f"The busiest hour is {DAYS[day]}, {hour}:00 to {hour}:59: {counted(most, 'click')}."
    return Figure(
        "Clicks by weekday and hour",
        Table(
            ("day", *map(str, range(24))),
            [(DAYS[day], *(f"{counts[day, hour]:,}" for hour in range(24))) for day in WEEK],
            sortable=False,
        ),
        click_charts.clicks_by_hour(seen.clicks_by_hour) if most else None,
        f"Heat map: clicks by day of the week and hour of the day. {busiest}",
        f"In time zone {seen.timezone}; the stronger the colour, the more clicks. {busiest}"
        if most
        else "",
    )


def _response_times(seen: Overview) -> Figure:
    return Figure(
        "Time to the first click",
        Table(
            ("time", *READING_NAMES.values()),
            [
                (between(one), f"{one['applications']:,}", f"{other['applications']:,}")
                for one, other in zip(
                    *(reading["response_times"] for reading in seen.readings.values()), strict=True
                )
            ],
        ),
        click_charts.response_times(seen.readings)
        if any(reading["response"]["after"] for reading in seen.readings.values())
        else None,
        "Histogram of the time from an application to its first click, by all clicks and by human "
        "clicks.",
        "How many applications have their first click so long after they were made. The dashed "
        "lines are the quartiles of human clicks.",
    )


def _functions(seen: Overview) -> Iterator[Figure]:
    table = Table(
        ("link function", "clicks", "applications", "first click", "last click"),
        [
            (
                printable(row["link_function"]),
                *texts(row, "clicks", "applications", "first", "last"),
            )
            for row in seen.functions
        ],
    )
    left_out = seen.totals["link_functions"] - len(seen.functions)
    note = f" {left_out:,} more link functions are left out." if left_out > 0 else ""
    most = f"Most clicked: {table.rows[0][0]}." if table.rows else ""
    yield Figure(
        "Link functions",
        table,
        click_charts.functions(seen.functions, {"clicks": "clicks", "applications": "applications"})
        if table.rows
        else None,
        f"Bars: clicks on each link function, and applications with such a click. {most}",
        f"Clicks, and applications with at least one.{note}",
    )
    yield Figure(
        "Where a sequence begins and ends",
        table,
        click_charts.functions(seen.functions, {"first": "first click", "last": "last click"})
        if table.rows
        else None,
        "Bars: how many applications were first, and last, clicked on each link function.",
        f"Applications whose first or last click was on the link function.{note}",
    )


def _sequences(seen: Overview) -> Figure:
    return Figure(
        "The commonest sequences",
        Table(
            ("sequence", "applications"),
            [(printable(sequence(row)), f"{row['applications']:,}") for row in seen.sequences],
        ),
        click_charts.sequences(seen.sequences) if seen.sequences else None,
        "Bars: applications with exactly this sequence of clicks.",
        "Applications with exactly this sequence of clicks.",
    )
