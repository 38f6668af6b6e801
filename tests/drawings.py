"""Worlds and rows drawn as small text tables, for tests that can be checked by a person who knows
applications and clicks, not Python.

A drawing consists of paragraphs. One application, A, with its clicks and what is expected:

    created at: Mon 2024-03-04 09:00

    clicked at           | link function
    Mon 2024-03-04 12:30 | LinkedIn
    Tue 2024-03-05 08:00 | LinkedIn     | × 3

    hours_to_first_click | 3.50
    total_click_events   | 4

Instants are UTC, may be written as 2024-03-04 09:00 + 3 days 00:00:18, and their day of the week,
where it is written, is checked. Points may be written as 10 + 25. Several applications, with links
that may lead nowhere:

    jobs: J

    application | job     | created at
    A           | J       | 2024-03-04 09:00
    B           | deleted | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    c    | deleted     | LinkedIn

    link | clicked at
    a    | 2024-03-04 12:30

    application | job_id | total_click_events
    A           | J      | 1
    B           | null   | 0
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from inspect import cleandoc
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, UUID, uuid5

from tests.oracle import Application, Click, Link, Time, World, microseconds

Value = TypeVar("Value")
INSTANT = r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d{4}-[\d:. -]*\d)(?: \+ (.*))?"
SPAN = r"(-?)(?:(\d+) days? )?(\d+):(\d\d):(\d\d)(?:\.(\d+))?"


@dataclass(frozen=True)
class Drawing:
    """A world, the zone of its hours and days, and the columns drawn of each row expected."""

    world: World
    timezone: str
    expected: dict[UUID, dict[str, Any]]


def application_drawn(text: str) -> Drawing:
    """One application, A, with its clicks, if any, and the columns of its row."""
    first, *clicks, row = paragraphs(text)
    settings = dict(setting(line) for line in first)
    clicked = [
        (instant(at), function, int(times[0].removeprefix("× ")) if times else 1)
        for at, function, *times in map(cells, clicks[0][1:] if clicks else [])
    ]
    functions = sorted({function for _, function, _ in clicked})
    return Drawing(
        World(
            jobs=frozenset(),
            applications=(Application(named("A"), None, instant(settings["created at"])),),
            links=tuple(Link(function, named("A"), function) for function in functions),
            clicks=tuple(
                Click(function, at) for at, function, times in clicked for _ in range(times)
            ),
        ),
        settings.get("time zone", "UTC"),
        {named("A"): {name: value(name, cell) for name, cell in map(cells, row)}},
    )


def world_drawn(text: str) -> Drawing:
    """The four source tables and columns of the rows expected; nothing is expected of a mere
    world."""
    (jobs,), applications, links, clicks, *rows = paragraphs(text)
    names, *expected = map(cells, rows[0] if rows else [""])
    return Drawing(
        World(
            jobs=frozenset(map(named, setting(jobs)[1].split(", "))),
            applications=tuple(
                Application(named(name), optional(named, job), instant(created_at))
                for name, job, created_at in map(cells, applications[1:])
            ),
            links=tuple(
                Link(link, optional(named, application), function)
                for link, application, function in map(cells, links[1:])
            ),
            clicks=tuple(
                Click(optional(str, link), instant(at)) for link, at in map(cells, clicks[1:])
            ),
        ),
        "UTC",
        {
            named(row[0]): {
                name: value(name, cell) for name, cell in zip(names[1:], row[1:], strict=True)
            }
            for row in expected
        },
    )


def paragraphs(text: str) -> Iterator[list[str]]:
    for paragraph in re.split(r"\n\s*\n", cleandoc(text)):
        yield [line for line in paragraph.splitlines() if not line.startswith("#")]


def setting(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def named(name: str) -> UUID:
    """The id that stands for a name in a drawing."""
    return uuid5(NAMESPACE_OID, name)


def optional(read: Callable[[str], Value], cell: str) -> Value | None:
    return None if cell == "null" else read(cell)


def instant(cell: str) -> Time:
    if not (found := re.fullmatch(INSTANT, cell)):
        return optional(str, cell)
    day, text, later = found.groups()
    at = datetime.fromisoformat(text)
    assert day in {None, f"{at:%a}"}, f"{text} is a {at:%A}"
    return at + timedelta(microseconds=span(later)) if later else at


def value(column: str, cell: str) -> Any:
    """An expected value as the oracle writes it."""
    return optional(READ.get(column, points), cell)


def points(cell: str) -> int:
    return sum(map(int, cell.split(" + ")))


def items(cell: str) -> list[str]:
    return re.findall(r"[^{}, ]+", cell)


def span(cell: str) -> int:
    """Microseconds of `-3 days 04:05:06.789`; the sign counts for the whole."""
    found = re.fullmatch(SPAN, cell)
    assert found, f"{cell} is no span"
    sign, days, hours, minutes, seconds, fraction = found.groups(default="")
    whole = timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int(fraction.ljust(6, "0")),
    )
    return -microseconds(whole) if sign else microseconds(whole)


READ: dict[str, Callable[[str], Any]] = {
    "job_id": named,
    "time_to_first_click": span,
    "hours_to_first_click": Decimal,
    "time_between_first_last_click": span,
    "hours_between_first_last_click": Decimal,
    "click_sequence": lambda cell: tuple(items(cell)),
    "click_days_of_week": lambda cell: tuple(map(int, items(cell))),
    "engagement_velocity": Decimal,
}
