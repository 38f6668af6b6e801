"""The options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How data go to standard output."""

    text = "text"
    json = "json"


class FileFormat(StrEnum):
    """What kind of file to write; its name ends so."""

    parquet = "parquet"
    csv = "csv"
    ndjson = "ndjson"


STDOUT = Path("-")
MOST = 1_000_000_000  # applications


def checked_definition(file: str | None) -> str | None:
    """The file, if it holds a definition: a mistake in it is told before a server is asked."""
    if file is not None:
        from pipeline.definition import read

        read(file)
    return file


DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="CLICKSTATS_DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        help="The database: postgresql://user:password@host:5432/name. Better set the variable: "
        "everybody on the machine sees the arguments of a process.",
    ),
]
Schema = Annotated[
    str,
    typer.Option(envvar="CLICKSTATS_SCHEMA", metavar="NAME", help="The schema of all tables."),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        envvar="CLICKSTATS_TIMEZONE",
        metavar="ZONE",
        help="The zone in which hours and days of the week are taken: an IANA name "
        "\\[default: that of the definition].",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        envvar="CLICKSTATS_ENGINE",
        metavar="MASTER",
        help="With --all: have a Spark cluster compute: spark://HOST:PORT, local\\[N], yarn or "
        "k8s://URL \\[default: this process].",
    ),
]
DefinitionFile = Annotated[
    str | None,
    typer.Option(
        "--definition",
        envvar="CLICKSTATS_DEFINITION",
        callback=checked_definition,
        metavar="FILE",
        help="The definition, a TOML file: what `clickstats definition` prints "
        "\\[default: that of the last published run].",
    ),
]
ConnectTimeout = Annotated[
    int | None,
    typer.Option(
        metavar="SECONDS", help="Give up on an unreachable server after this long \\[default: 15]."
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How to print the result.")]
LogFormat = Annotated[Format, typer.Option(help="How to write the log, to standard error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")]
KeepDays = Annotated[
    int,
    typer.Option(min=1, max=36_500, metavar="DAYS", help="How long a run stays in the ledger."),
]
MetricsFile = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Write a file with the state for Prometheus: node_exporter's textfile collector.",
    ),
]
