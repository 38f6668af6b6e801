"""`clickstats followups`: whom to follow up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.followup_tables import followups_table
from cli.options import (
    MOST,
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Format,
    OutputFormat,
    Schema,
    Timezone,
)
from cli.output import SCHEMA_VERSION, console, print_json, printable, table
from cli.wording import Asked, minute, nobody, not_shown
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pipeline.answers.followups import Followups


def followups(
    within: Annotated[
        str, typer.Option(metavar="DURATION", help="How long ago the last human click may be.")
    ] = "14d",
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, metavar="N", help="Show at most N applications.")
    ] = 20,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help="Only applications of this application_status, in any case, * for any text. "
            "May be repeated.",
        ),
    ] = None,
    all_statuses: Annotated[
        bool, typer.Option("--all-statuses", help="Closed applications, too.")
    ] = False,
    show_statuses: Annotated[
        bool, typer.Option("--show-statuses", help="Show how each status is read.")
    ] = False,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show whom to follow up: open applications with human clicks of late, best first.

    Scores are those of human clicks, as the last run stored them.
    """
    if status and all_statuses:
        raise ConfigurationError("--status and --all-statuses exclude each other; nothing was done")
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    from pipeline.answers.followups import followups as look_up
    from pipeline.answers.status import duration

    found = look_up(settings, duration(within), limit, status or [], all_statuses=all_statuses)
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
        return
    out = console()
    asked_for: Asked = "status" if status else "every" if all_statuses else "open"
    for part in _text(found, within, out.width, asked_for, show_statuses=show_statuses):
        out.print(part)


def _text(
    found: Followups, within: str, width: int, asked_for: Asked, *, show_statuses: bool
) -> Iterator[RenderableType]:
    if found.followups:
        yield followups_table(found.followups, found, width)
        if left_out := found.count - len(found.followups):
            yield f"{left_out:,} more with --limit {found.count}"
    else:
        yield from nobody(found, within, asked_for)
    if found.missing:
        yield not_shown(found.missing)
    if found.published:
        yield f"As of the run of {minute(found.published)}; explain one: clickstats explain ID"
    if show_statuses:
        yield "\n[bold]How statuses are read[/]"
        yield table(
            ("status", "applications", "read as"),
            (
                (
                    "–"
                    if each["application_status"] is None
                    else printable(each["application_status"]),
                    f"{each['applications']:,}",
                    each["meaning"],
                )
                for each in found.statuses
            ),
            right=["applications"],
        )
