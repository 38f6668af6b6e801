"""`clickstats changes`: how scores moved."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.followup_tables import changes_table
from cli.options import MOST, ConnectTimeout, DatabaseUrl, Format, OutputFormat, Schema
from cli.output import SCHEMA_VERSION, console, print_json
from cli.wording import no_change
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pipeline.answers.changes import Changes


def changes(
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far to look back.")] = "24h",
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, metavar="N", help="Show at most N changes.")
    ] = 50,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show how scores of human clicks moved, newest first, and which rules made them move.

    A first load and a change of the definition are no such change.
    """
    settings = Settings(database_url, schema, connect_timeout=connect_timeout)

    from pipeline.answers.changes import changes as look_up
    from pipeline.answers.status import duration

    found = look_up(settings, duration(since), limit)
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
        return
    out = console()
    for part in _text(found, since, out.width):
        out.print(part)


def _text(found: Changes, since: str, width: int) -> Iterator[RenderableType]:
    if not found.changes:
        yield no_change(since)
        return
    yield changes_table(found.changes, width)
    if left_out := found.count - len(found.changes):
        yield f"{left_out:,} more with --limit {found.count}"
