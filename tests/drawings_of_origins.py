"""One application drawn as a small text table with the class of each click and what is expected of
both readings, for tests of which clicks are human; in the manner of tests/drawings.py.

    created at: Tue 2026-03-03 10:00
    traps: Trap
    sweep: 3 links in 10 s

    clicked at              | link        | user agent  | address   | class
    Tue 2026-03-03 10:00:12 | Portfolio   | Mozilla/5.0 | 192.0.2.7 | human
    Tue 2026-03-03 10:00:12 | Portfolio#2 |             |           | repeat | × 3

    reading              | all  | human
    engagement_score     | 55   | 40
    hours_to_first_click | 0.00 | 0.00

    machine_clicks    | 0
    last_human_click  | Tue 2026-03-03 10:00:12

A link is named after its function; Portfolio#2 is another one of the same function. What ends in a
blank stands in quotes. An empty cell of a click is null. What the definition has is drawn beside
`created at`; see SETTINGS.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.drawings import cells, instant, named, optional, paragraphs, setting, value
from tests.oracle import Application, Click, Definition, Link, Time, World

Table = list[dict[str, str]]


@dataclass(frozen=True)
class OriginsDrawing:
    """A world of one application, and what is drawn of its clicks and rows."""

    world: World
    definition: Definition
    classes: Counter[tuple[str, Time, str]]  # link, time as drawn, class
    of_readings: dict[str, dict[str, Any]]  # columns of link_click_analytics: all, human
    row_of_readings: dict[str, Any]  # columns of link_click_readings


def origins_drawn(text: str) -> OriginsDrawing:
    """One application, A."""
    first, clicks, *expected = paragraphs(text)
    settings = dict(map(setting, first))
    created_at = instant(settings.pop("created at"))
    drawn = [
        (
            Click(
                unquoted(click["link"]),
                instant(click["clicked at"]),
                click.get("user agent") or None,
                click.get("address") or None,
            ),
            click.get("class", ""),
        )
        for click in table(clicks)
        for _ in range(int(click.get("times", "× 1").removeprefix("× ")))
    ]
    links = sorted({click.tracking_id for click, _ in drawn if click.tracking_id is not None})
    readings = [table(one) for one in expected if one[0].startswith("reading ")]
    rows = [map(cells, one) for one in expected if not one[0].startswith("reading ")]
    return OriginsDrawing(
        World(
            jobs=frozenset(),
            applications=(Application(named("A"), None, created_at),),
            links=tuple(Link(link, named("A"), link.partition("#")[0]) for link in links),
            clicks=tuple(click for click, _ in drawn),
        ),
        Definition(**dict(settings_of(settings))),
        Counter(
            (click.tracking_id or "", click.clicked_at, its_class)
            for click, its_class in drawn
            if its_class
        ),
        {
            reading: {row["reading"]: value(row["reading"], row[reading]) for row in rows_drawn}
            for rows_drawn in readings
            for reading in rows_drawn[0].keys() - {"reading"}
        },
        {
            name: optional(instant, cell) if name.endswith("_click") else value(name, cell)
            for lines in rows
            for name, cell in lines
        },
    )


def table(lines: list[str]) -> Table:
    """Rows by the names in the first line; a cell beyond them is `times`."""
    names, *rows = map(cells, lines)
    return [dict(zip([*names, "times"], row, strict=False)) for row in rows]


def unquoted(cell: str) -> str:
    return cell[1:-1] if cell.startswith('"') and cell.endswith('"') else cell


def settings_of(drawn: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, text in drawn.items():
        yield from SETTINGS[name](text)


def listed(text: str) -> tuple[str, ...]:
    return tuple(unquoted(one.strip()) for one in text.split(","))


def sweep(text: str) -> Iterator[tuple[str, int]]:
    found = re.fullmatch(r"(\d+) links in (\d+) s", text)
    assert found, f"{text} is no sweep"
    yield from zip(("sweep_links", "sweep_seconds"), map(int, found.groups()), strict=True)


def spellings(text: str) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    named_so = (one.split(" = ") for one in text.split("; "))
    yield "functions", {unquoted(name): listed(others) for name, others in named_so}


SETTINGS: dict[str, Callable[[str], Iterator[tuple[str, Any]]]] = {
    "time zone": lambda text: iter([("reporting", text)]),
    "clicks in": lambda text: iter([("clicks", text)]),
    "applications in": lambda text: iter([("applications", text)]),
    "traps": lambda text: iter([("trap_functions", listed(text))]),
    "machine networks": lambda text: iter([("machine_networks", listed(text))]),
    "own networks": lambda text: iter([("own_networks", listed(text))]),
    "sweep": sweep,
    "repeat": lambda text: iter([("repeat_seconds", int(text.removesuffix(" s")))]),
    "spellings": spellings,
}
