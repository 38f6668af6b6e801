"""`clickstats report`: the whole table as a picture, on the terminal or as a page."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    STDOUT,
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Format,
    OutputFormat,
    Schema,
    Timezone,
)
from cli.output import SCHEMA_VERSION, console, print_json, printable, table, text_of
from cli.wording import (
    NO_LEDGER,
    NO_RUNS,
    NO_STATUS,
    band,
    caveat,
    ended,
    freshness,
    minute,
    response,
    run_figures,
    sequence,
    share,
    texts,
    verdict,
)
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from pipeline.answers.overview import Overview
    from pipeline.answers.report_rows import ScoreBand, TopApplication

LONGEST_BAR = 16
WIDE = 110
FUNCTION_COUNTS = ("clicks", "applications", "first", "last")
RUN_FIGURES = ("seconds", "applications", "clicks", "written")
MOST_RUNS = 10  # in the text; the page and JSON have more
ANY_CASE = "in any case, * for any text. May be repeated"


def report(
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page with charts that opens offline; - is standard output.",
        ),
    ] = None,
    interview: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help=f"An application_status that means an interview, {ANY_CASE} "
            "\\[default: interview*]",
        ),
    ] = None,
    offer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help=f"An application_status that means an offer, {ANY_CASE} \\[default: offer*]",
        ),
    ] = None,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show how the scores are spread, what the clicks are like, and whether the scores predict."""
    if html and output is Format.json:
        raise ConfigurationError("--html and --format json exclude each other; nothing was done")
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    from pipeline.answers.overview import overview

    def look() -> Overview:
        return overview(settings, interview or ["interview*"], offer or ["offer*"])

    if html:
        from cli.report_html import page
        from pipeline.answers.whole_file import whole_file

        if html == STDOUT:
            sys.stdout.buffer.write(page(look()).encode())
            return
        with whole_file(html) as file:  # opened before the long work, in case it cannot be
            size = file.write(page(look()).encode())
        print(f"{html}: {size / 1e6:.1f} MB", file=sys.stderr)
    elif output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(look())})
    else:
        out = console()
        for part in _text(look(), out.width):
            out.print(part)


def _text(seen: Overview, width: int) -> Iterator[RenderableType]:
    totals = seen.totals
    yield f"[bold]Report[/] of {minute(seen.taken_at)}; time zone {seen.timezone}"
    counts = ("applications", "stored", "with_clicks", "clicks", "link_functions")
    headings = [name.replace("_", " ") for name in counts]
    yield table(headings, [texts(totals, *counts)], right=headings)
    yield freshness(totals)
    if totals["stored"]:
        yield from _of_rows(seen, width)
    yield "\n[bold]How the runs went[/]"
    if not seen.runs:
        yield NO_LEDGER if seen.runs is None else NO_RUNS
    else:
        yield table(
            ("started (UTC)", "state", *RUN_FIGURES),
            (
                (f"{run['started_at']:%Y-%m-%d %H:%M}", ended(run), *run_figures(run))
                for run in seen.runs[:MOST_RUNS]
            ),
            right=RUN_FIGURES,
        )


def _of_rows(seen: Overview, width: int) -> Iterator[RenderableType]:
    yield "\n[bold]How the scores are spread[/] (applications in each band)"
    yield spread_table(seen.distribution)
    yield "[bold]Whom to follow up first[/]"
    yield top_table(seen.top, width)
    yield "[bold]How often each rule fires, and what it gives[/]"
    yield table(
        ("rule", "score", "applications", "share", "points"),
        (
            (
                row["rule"],
                row["score"].removesuffix("_score"),
                f"{row['applications']:,}",
                share(row["applications"], seen.totals["stored"]),
                f"{row['points']:,}",
            )
            for row in seen.rules
        ),
        right=("applications", "share", "points"),
    )
    yield "[bold]Which links are clicked[/]"
    yield table(
        ("link function", "clicks", "applications", "first", "last"),
        (
            (printable(row["link_function"]), *texts(row, *FUNCTION_COUNTS))
            for row in seen.functions
        ),
        right=FUNCTION_COUNTS,
    )
    yield "[bold]The commonest sequences[/]"
    yield table(
        ("applications", "sequence"),
        ((f"{row['applications']:,}", printable(sequence(row))) for row in seen.sequences),
        right=("applications",),
    )
    yield "[bold]Time to the first click[/]"
    yield response(seen.response) + "\n"
    yield "[bold]Do the scores predict?[/]"
    if seen.verdicts is None:
        yield NO_STATUS
    else:
        yield "\n".join(" ".join(verdict(row)) for row in seen.verdicts)
        yield caveat(seen)


def spread_table(distribution: Sequence[ScoreBand]) -> Table:
    """How many applications have an engagement and an intent score in each band, with bars."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("score", justify="right")
    for heading in ("engagement", "intent"):
        shown.add_column(heading, justify="right")
        shown.add_column("", min_width=LONGEST_BAR)
    counts = {(row["band"], row["score"]): row["applications"] for row in distribution}
    most = max(1, *counts.values())
    for lowest in dict.fromkeys(row["band"] for row in distribution):
        engagement, intent = (counts[lowest, name] for name in ("engagement_score", "intent_score"))
        shown.add_row(
            band(lowest),
            f"{engagement:,}",
            Text("█" * round(LONGEST_BAR * engagement / most), style="cyan"),
            f"{intent:,}",
            Text("█" * round(LONGEST_BAR * intent / most), style="magenta"),
        )
    return shown


def top_table(rows: Iterable[TopApplication], width: int) -> Table:
    """The applications to follow up, a row each; their last clicks where there is room for them."""
    wide = width >= WIDE
    headings = ("application", "intent", "engagement", "clicks", "hours", "last clicks")
    shown = (
        (
            row["application_id"],
            text_of(row["intent_score"]),
            text_of(row["engagement_score"]),
            text_of(row["total_click_events"]),
            text_of(row["hours_to_first_click"]),
            printable(row["last_functions"] or "–"),
        )
        for row in rows
    )
    columns = len(headings) - (not wide)
    return table(headings[:columns], (row[:columns] for row in shown), right=headings[1:5])
