"""`clickstats predict`: whether the scores say what will become of an application."""

from __future__ import annotations

from dataclasses import asdict
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
from cli.output import SCHEMA_VERSION, console, print_json, printable, table
from cli.prediction_words import MEANINGS, MOST_STATUSES, rate, sentences
from cli.wording import band
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pipeline.answers.prediction import Prediction

OUTCOMES = ("response", "interview", "offer")


def predict(
    landmark: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="The score counts clicks up to this long after the application: a number and s, "
            "m, h or d.",
        ),
    ] = "3d",
    mature: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Leave out applications whose landmark is not so long ago: they have not had "
            "their chance yet.",
        ),
    ] = "30d",
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Hold the scores that applications had early on against what became of them later.

    Only human clicks up to the landmark count, and only outcomes after it. What a status means is
    in the definition.
    """
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    from pipeline.answers.landmark import predict, spans

    found = predict(settings, *spans(landmark, mature))
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
        return
    out = console()
    for part in _text(found):
        out.print(part)


def _text(found: Prediction) -> Iterator[RenderableType]:
    from rich.text import Text

    yield "[bold]Do the scores predict?[/]"
    for change in found.changes:
        yield Text(f"another definition than in the last published run: {printable(change)}")
    for strong, plain in sentences(found):
        yield Text.assemble((strong, "bold"), " " * bool(strong), plain)
    if found.statuses is None:
        return
    yield "\n[bold]Statuses and what they are read as[/]"
    yield table(
        ("applications", "read as", "status"),
        (
            (
                f"{row['applications']:,}",
                MEANINGS.get(row["read_as"], row["read_as"]),
                "–" if row["status"] is None else printable(row["status"]),
            )
            for row in found.statuses[:MOST_STATUSES]
        ),
        right=("applications",),
    )
    if more := found.statuses[MOST_STATUSES:]:
        yield f"{len(more):,} more in --format json\n"
    for score in dict.fromkeys(row["score"] for row in found.verdicts):
        yield f"[bold]Who came how far, by {score.replace('_', ' ')}[/] (95% intervals)"
        yield table(
            ("score", "applications", *OUTCOMES), _bands(found, score), right=("applications",)
        )
        yield f"[bold]Where a rule of the {score.replace('_', ' ')} had fired, and where not[/]"
        yield table(("rule", "fired", *OUTCOMES), _rules(found, score), right=("fired",))


def _bands(found: Prediction, score: str) -> Iterator[list[str]]:
    rows = {(row["band"], row["outcome"]): row for row in found.bands if row["score"] == score}
    for lowest in dict.fromkeys(number for number, _ in rows):
        shares = [rows[lowest, outcome] for outcome in OUTCOMES]
        yield [
            band(lowest),
            f"{shares[0]['applications']:,}",
            *(
                f"{rate(row['rate'])} ({rate(row['low'])}–{rate(row['high'])})"
                if row["applications"]
                else "–"
                for row in shares
            ),
        ]


def _rules(found: Prediction, score: str) -> Iterator[list[str]]:
    rows = {(row["rule"], row["outcome"]): row for row in found.rules if row["score"] == score}
    for rule in dict.fromkeys(rule for rule, _ in rows):
        shares = [rows[rule, outcome] for outcome in OUTCOMES]
        yield [
            rule,
            f"{shares[0]['fired']['applications']:,}",
            *(
                f"{rate(row['fired']['rate'])}, not {rate(row['not_fired']['rate'])}"
                for row in shares
            ),
        ]
