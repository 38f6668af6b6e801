"""`clickstats status`: when the numbers were last published, and how the runs went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    ConnectTimeout,
    DatabaseUrl,
    Format,
    MetricsFile,
    OutputFormat,
    Schema,
)
from cli.output import SCHEMA_VERSION, console, print_json, printable
from cli.wording import counted
from pipeline.errors import TooOld
from pipeline.settings import Settings

if TYPE_CHECKING:
    from datetime import timedelta

    from pipeline.answers.status import Status


def status(
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Exit with 7 when the last published run is older: a number and s, m, h or d.",
        ),
    ] = None,
    metrics_file: MetricsFile = None,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Say when the numbers were last published, and how the newest runs went."""
    settings = Settings(database_url, schema, connect_timeout=connect_timeout)

    from pipeline.answers import status as ledger

    limit = ledger.duration(max_age) if max_age else None
    found = ledger.status(settings)
    if output is Format.json:
        from msgspec import to_builtins

        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "now": found.now,
                "age_seconds": found.age.total_seconds() if found.age is not None else None,
                "outdated": found.outdated,
                "definition": found.definition and to_builtins(found.definition),
                "last_published": found.last_published,
                "last_attempt": found.last_attempt,
                "runs": found.runs,
            }
        )
    else:
        print_status(found)
    if metrics_file:
        from pipeline.answers.prometheus import write_metrics

        write_metrics(found, Path(metrics_file))
    if limit is not None and found.is_from_future:
        raise TooOld(from_future(found))
    if limit is not None and (found.age is None or found.age > limit):
        raise TooOld(
            (
                f"the numbers are {age_of(found.age)} old"
                if found.age
                else "nothing was published yet"
            )
            + f", expected at most {max_age}; see the last attempt in `clickstats status`, then "
            "run `clickstats run --all`"
        )


def print_status(found: Status) -> None:
    """Print freshness in a sentence or two, and the newest runs as a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from pipeline.definition import settled

    out = console()
    if found.is_from_future:
        out.print(f"Warning: {from_future(found)}.")
    elif found.published_at and found.age is not None:
        out.print(
            f"Last published {age_of(found.age)} ago, snapshot "
            f"{found.published_at:%Y-%m-%d %H:%M:%S} UTC"
            + (
                "."
                if found.outdated is None
                else f"; {applications(found.outdated)} a click dated after it."
            )
        )
    else:
        out.print("Nothing was published yet.")
    if found.definition and found.last_published:
        said = "; ".join(settled(found.definition)) or "the built-in one"
        fingerprint = found.last_published["fingerprint"] or "from before definitions"
        out.print(Text(f"Definition {fingerprint}: {printable(said)}."))
    if not found.runs:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("started (UTC)", no_wrap=True)
    for heading in ("command", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("exit", "seconds", "inserted", "updated"):
        table.add_column(heading, justify="right")
    for run in found.runs:
        total = (run["seconds"] or {}).get("total")
        table.add_row(
            f"{run['started_at']:%Y-%m-%d %H:%M}",
            Text(printable(run["command"])),
            Text(printable(run["outcome"])),
            _count(run["exit_code"]),
            "–" if total is None else f"{total:,.1f}",
            _count(run["inserted"]),
            _count(run["updated"]),
        )
    out.print(table)
    attempt = found.last_attempt
    if attempt and attempt["error"]:
        out.print(Text(f"The last run --all failed: {printable(attempt['error'])}"))
    for warning in found.last_published["warnings"] if found.last_published else []:
        out.print(Text(f"Warning of the last published run: {printable(warning)}"))


def from_future(found: Status) -> str:
    """A sentence for a last published snapshot from the future, which says nothing about the age of
    the numbers."""
    return (
        f"the last published snapshot, {found.published_at:%Y-%m-%d %H:%M:%S} UTC, lies in the "
        f"future: the server's clock, now {found.now:%Y-%m-%d %H:%M:%S} UTC, was set back; set it "
        "right, then run `clickstats run --all`"
    )


def applications(count: int) -> str:
    """1 application has; 2 applications have."""
    return f"{counted(count, 'application')} {'has' if count == 1 else 'have'}"


def age_of(age: timedelta) -> str:
    """An age in its two largest units."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
