"""How values look: JSON for programs, a console and plain text for people."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = 1
PIPE_WIDTH = 160


def console() -> Console:
    """Standard output; wide where no terminal says otherwise."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def print_json(value: object) -> None:
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: object) -> object:
    """Instants and spans in ISO 8601, decimals as numbers."""
    match value:
        case datetime():
            return value.isoformat() + "Z"
        case timedelta():
            return _iso(value)
        case Decimal():
            return float(value)
    raise TypeError(f"no JSON form for {type(value)}")


def _iso(span: timedelta) -> str:
    """A span as an ISO 8601 duration: P3DT4H5M6.789S, with one sign in front."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{span.microseconds:06}".rstrip("0").rstrip(".")
    return f"{sign}P{span.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def text_of(value: object) -> str:
    match value:
        case None:
            return "–"
        case list():
            return ", ".join(str(item) for item in value) or "–"
        case int():
            return f"{value:,}"
    return str(value)
