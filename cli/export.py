"""`clickstats export`: the stored rows as a file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.options import STDOUT, ConnectTimeout, DatabaseUrl, FileFormat, Schema
from cli.wording import FOREIGN, counted
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

Score = typer.Option(min=0, max=100, metavar="POINTS", help="Only rows with at least this score.")


def export(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Ends in .parquet, .csv or .ndjson; - is standard output."
        ),
    ],
    file_format: Annotated[
        FileFormat | None,
        typer.Option("--format", help="The format, if the name has no such ending."),
    ] = None,
    min_engagement: Annotated[int | None, Score] = None,
    min_intent: Annotated[int | None, Score] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only rows that changed at this time or later, such as 2024-03-04T12:30:00; UTC "
            "unless it names another zone.",
        ),
    ] = None,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Write the stored rows to a file, sorted by application_id."""
    chosen = file_format or _format_of(file)
    settings = Settings(database_url, schema, connect_timeout=connect_timeout)
    if file == STDOUT and chosen is FileFormat.parquet and sys.stdout.isatty():
        raise ConfigurationError("Parquet is not for a terminal; redirect it or name a file")

    from pipeline.answers.export import export as export_rows
    from pipeline.answers.stored_rows import Filters
    from pipeline.answers.whole_file import whole_file

    filters = Filters(min_engagement=min_engagement, min_intent=min_intent, since=_instant(since))
    if file == STDOUT:
        _, left_out = export_rows(settings, filters, sys.stdout.buffer, chosen)
    else:
        with whole_file(file) as opened:
            rows, left_out = export_rows(settings, filters, opened, chosen)
        print(f"{counted(rows, 'row')} in {file}", file=sys.stderr)
    if left_out:
        print(f"left out: {counted(left_out, 'row')} with {FOREIGN}", file=sys.stderr)


def _format_of(file: Path) -> FileFormat:
    try:
        return FileFormat(file.suffix.removeprefix(".").lower())
    except ValueError:
        raise ConfigurationError(
            f"cannot tell the format of {str(file)!r}: expected a name that ends in .parquet, "
            ".csv or .ndjson, or --format"
        ) from None


def _instant(text: str | None) -> datetime | None:
    """A time as UTC without a zone."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is no time; expected one such as 2024-03-04 or 2024-03-04T12:30:00Z"
        ) from None
