"""How values look: JSON for programs, a console and plain text for people."""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SCHEMA_VERSION = 1
PIPE_WIDTH = 160
LONGEST_LIST = 12
ID_WIDTH = 36


def console() -> Console:
    """Standard output; wide where neither a terminal nor COLUMNS says otherwise."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known else PIPE_WIDTH, highlight=False)


def table(
    headings: Sequence[str],
    rows: Iterable[Iterable[str]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> Table:
    """A table of plain text. Columns named in `right` are aligned there and, like those in `whole`,
    never wrapped; nor is the first one, unless it is wider than an id."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    texts = [[Text(cell) for cell in row] for row in rows]
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        widest = max([len(heading), *(_width(row[number]) for row in texts)])
        is_whole = heading in (*right, *whole)
        least = widest if is_whole else min(widest, ID_WIDTH) if number == 0 else None
        shown.add_column(
            heading,
            justify="right" if heading in right else "left",
            min_width=least,
            no_wrap=least == widest,  # else rich takes the room from here and cuts the line
            overflow="fold",
        )
    for row in texts:
        shown.add_row(*row)
    return shown


def _width(text: Text) -> int:
    """Of its widest line."""
    return max(line.cell_len for line in text.split(allow_blank=True))


def print_toml(text: str) -> None:
    """Print TOML, whose texts are basic strings. A file of TOML is UTF-8: to an output that is not,
    what ASCII lacks goes as TOML escapes it, and is the same when it is read back."""
    if not _is_utf_8():
        text = re.sub(r"[^\x00-\x7f]", lambda sign: f"\\U{ord(sign[0]):08x}", text)
    print(text, end="")


def print_json(value: object) -> None:
    """Print JSON, escaped where the output has another encoding than UTF-8."""
    print(as_json(value, escaped=not _is_utf_8()))


def _is_utf_8() -> bool:
    """Whether standard output is."""
    return codecs.lookup(sys.stdout.encoding).name == "utf-8"


def as_json(value: object, *, escaped: bool = False) -> str:
    """JSON, with what lies beyond ASCII `escaped` or not."""
    text = json.dumps(value, default=_plain, ensure_ascii=escaped, indent=2, allow_nan=False)
    # JSON leaves control characters beyond ASCII as they are, some of which steer terminals
    return re.sub(r"[^\n -~]", _printable_json, text)


def _printable_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def _plain(value: object) -> object:
    """Instants and spans in ISO 8601, decimals as numbers."""
    match value:
        case datetime():
            return value.isoformat() + "Z"
        case timedelta():
            return _iso(value)
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
    raise TypeError(f"no JSON form for {type(value)}")


def _iso(span: timedelta) -> str:
    """A span as an ISO 8601 duration: P3DT4H5M6.789S, with one sign in front."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{span.microseconds:06}".rstrip("0").rstrip(".")
    return f"{sign}P{span.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def text_of(value: object) -> str:
    """A value for people; a long list is shortened."""
    match value:
        case None | []:
            return "–"
        case list():
            shown = ", ".join(printable(str(item)) for item in value[:LONGEST_LIST])
            return f"{shown}, … ({len(value):,} in all)" if value[LONGEST_LIST:] else shown
        case timedelta():
            return f"-{_days(-value)}" if value < timedelta() else _days(value)
        case datetime():
            return f"{value} UTC"
        case int():
            return f"{value:,}"
    return printable(str(value))


def _days(span: timedelta) -> str:
    """A span as PostgreSQL writes it: 3 days 04:05:06.789."""
    days = f"{span.days} day{'s' * (span.days != 1)} " if span.days else ""
    time = span - timedelta(days=span.days)
    return f"{days}{'0' * (time < timedelta(hours=10))}{time}"


def printable(text: str) -> str:
    """Text from the data with its control characters escaped and an empty one made visible, so
    that it can neither hide nor steer the terminal."""
    if not text:
        return '""'
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
