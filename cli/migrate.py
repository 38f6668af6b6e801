"""`clickstats migrate`: create, upgrade and check our tables."""

from typing import Annotated

import typer

from cli.options import ConnectTimeout, DatabaseUrl, Schema
from cli.output import printable
from pipeline.errors import ConfigurationError, SchemaError
from pipeline.settings import Settings


def migrate(
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that would be run; change nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Say whether tables, columns, indexes and privileges suffice."
        ),
    ] = False,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Create or upgrade the tables that clickstats owns."""
    if sql and check:
        raise ConfigurationError("--sql and --check exclude each other; nothing was done")
    settings = Settings(database_url, schema, connect_timeout=connect_timeout)

    from pipeline import migrate as migration

    if sql:
        print(migration.pending_sql(settings) or "-- nothing to do", end="")
    elif check:
        if problems := migration.problems(settings):
            print(*map(printable, problems), sep="\n")
            raise SchemaError(f"{len(problems)} to mend, listed above")
        suffices = "Tables, columns, indexes and privileges suffice."
        print(suffices, *migration.missing_options(settings), sep="\n")
    else:
        done = migration.migrate(settings)
        print(*(done or ["Nothing to do: the tables are up to date."]), sep="\n")
