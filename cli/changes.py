"""`clickstats changes`: how scores moved."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import MOST, ConnectTimeout, DatabaseUrl, Format, OutputFormat, Schema
from cli.output import SCHEMA_VERSION, console, print_json, table
from cli.wording import known_by, minute, why
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pipeline.answers.changes import Changes
    from pipeline.answers.score_change import ScoreChange


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


WIDE = 120  # columns, from which each has its own; below, the reason stands under the names


def _text(found: Changes, since: str, width: int) -> Iterator[RenderableType]:
    if not found.changes:
        yield f"No score has changed within {since}; look further back with --since."
        return
    headings = ("id", "when", "intent", "engagement", "company and job", "why")
    yield table(
        headings if width >= WIDE else headings[:-1],
        (_cells(one, wide=width >= WIDE) for one in found.changes),
        right=["intent", "engagement"],
        whole=["when"],
    )
    if left_out := found.count - len(found.changes):
        yield f"{left_out:,} more with --limit {found.count}"


def _cells(one: ScoreChange, *, wide: bool) -> tuple[str, ...]:
    when = minute(one["changed_at"]).removesuffix(" UTC")
    first = (
        one["short_id"],
        when if wide else when.replace(" ", "\n"),
        f"{one['intent_score_before']} → {one['intent_score']}",
        f"{one['engagement_score_before']} → {one['engagement_score']}",
    )
    if wide:
        return (*first, known_by(one), why(one))
    return (*first, f"{known_by(one)}\n{why(one)}")
