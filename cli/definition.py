"""`clickstats definition`: everything that decides what a row says."""

from __future__ import annotations

import os
import sys
from stat import S_ISREG
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Format,
    OutputFormat,
    Schema,
    Timezone,
)
from cli.output import SCHEMA_VERSION, print_json, print_toml
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from typing import Any

    from pipeline.definition import InForce


def definition(
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Only say whether this file is a definition; asks no database."
        ),
    ] = None,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Print the definition in force, which decides what a row says, and where it comes from.

    It is TOML: save it, edit it, and give it to `clickstats run --all --definition FILE`.
    """
    from pipeline.definition import in_force, shown, toml

    file = definition if check is None else check
    if file is not None and _is_output(file):
        raise ConfigurationError(
            f"{shown(file)} is read and written at once, so the shell has emptied it, and an empty "
            "file is the built-in definition; to have the published one there again, leave out "
            "--definition and CLICKSTATS_DEFINITION; to change a file, write to another one"
        )
    if check is not None:
        found, said = in_force(check, timezone, None), {}
    else:
        settings = Settings(
            database_url, schema, timezone, connect_timeout, definition_file=definition
        )

        from pipeline.answers.definitions import look_up

        choice = look_up(settings)
        found = choice.in_force
        said = {"fingerprint": choice.fingerprint, "changes": choice.changes}
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **said, **_values(found)})
        return
    print_toml(toml(found))
    for change in said.get("changes", []):
        print_toml(f"# not what the last published run used: {change}\n")


def _is_output(file: str) -> bool:
    """Whether standard output goes into this file."""
    try:
        output = os.fstat(sys.stdout.fileno())
        return S_ISREG(output.st_mode) and os.path.samestat(os.stat(file), output)
    except (OSError, ValueError):  # no such file, or no file behind the output
        return False


def _values(found: InForce) -> dict[str, Any]:
    from msgspec import to_builtins

    return {"definition": to_builtins(found.definition), "sources": dict(found.sources)}
