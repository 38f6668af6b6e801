"""`clickstats verify`: recompute in SQL and compare."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

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
from cli.wording import counted
from pipeline.errors import AuditFailed, ConfigurationError, UnknownApplication
from pipeline.settings import Settings, application_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.answers.verify import Difference, Verification

MOST_DIFFERENCES = 50  # in the text; JSON has all


def verify(
    sample: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, metavar="N", help="Compare N applications, chosen at random."
        ),
    ] = None,
    app_id: Annotated[
        list[str] | None,
        typer.Option(metavar="UUID", help="Compare this application. May be repeated."),
    ] = None,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Recompute in SQL, inside the database, and compare every column with what is stored."""
    if sample is not None and app_id:
        raise ConfigurationError("--sample and --app-id exclude each other; nothing was done")
    named = application_ids(app_id or [])
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    from pipeline.answers.verify import verify as verify_stored
    from pipeline.short_ids import whole_ids

    named, nowhere = whole_ids(settings, named)

    found = verify_stored(settings, named, sample)
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
    else:
        print_verification(found)
    if nowhere:
        raise UnknownApplication(
            f"no application begins with {', '.join(nowhere)}; the others were compared"
        )
    if found.differences:
        count = len({difference.application_id for difference in found.differences})
        raise AuditFailed(
            f"{count:,} of {counted(found.applications, 'application')} "
            f"{'differs' if count == 1 else 'differ'} from what SQL computes in {found.timezone}; "
            + (_other_definition(found) or "run `clickstats run --all`, then verify again")
        )


def print_verification(found: Verification) -> None:
    """Print what differs, and what was compared."""
    from rich.text import Text

    out = console()
    if found.differences:
        shown = found.differences[:MOST_DIFFERENCES]
        out.print(table(("application and column", "stored", "expected"), _rows(shown)))
        if left_out := len(found.differences) - len(shown):
            out.print(f"{counted(left_out, 'more difference')} in --format json\n")
    out.print(
        "No differences: "
        * (not found.differences)
        + f"{counted(found.applications, 'application')} compared in every column, hours in "
        f"{found.timezone}; {found.outdated:,} {'has' if found.outdated == 1 else 'have'} news "
        "since the last published run"
        + (f", frozen and left out: {found.frozen:,}" if found.frozen else "")
        + (f" ({found.last_published:%Y-%m-%d %H:%M:%S} UTC)." if found.last_published else ".")
    )
    if not found.differences and (note := _other_definition(found)):
        out.print(Text(f"But {printable(note)}."))


def _rows(differences: Iterable[Difference]) -> Iterator[tuple[str, str, str]]:
    """Each application once, and under it its columns: five columns beside an id are too wide."""
    application = None
    for one in sorted(differences, key=lambda one: one.application_id):
        if one.application_id != application:
            application = one.application_id
            yield application, "", ""
        of = "" if one.table == "link_click_analytics" else one.table.removeprefix("link_click_")
        column = one.table if one.column == "(row)" else f"{of}.{one.column}".removeprefix(".")
        yield f"  {column}", printable(one.stored or "–"), printable(one.expected or "–")


def _other_definition(found: Verification) -> str | None:
    """What to do where this is another definition than that of the last published run."""
    if not found.changes:
        return None
    return (
        f"the last published run had another definition ({'; '.join(found.changes)}): leave out "
        "--definition and --timezone to use that one"
    )
