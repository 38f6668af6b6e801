"""`clickstats report`: whom to follow up and the whole table as a picture, on the terminal or as a
page."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.followup_tables import changes_table, followups_table
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
from cli.output import SCHEMA_VERSION, console, print_json, printable, table
from cli.prediction_words import sentences
from cli.wording import (
    ALIKE,
    MACHINE,
    NO_LEDGER,
    NO_RUNS,
    OTHER_DEFINITION,
    READING_NAMES,
    SINCE,
    WITHIN,
    band,
    brief,
    by_class,
    ended,
    how_fresh,
    minute,
    newest_months,
    no_change,
    nobody,
    not_shown,
    response,
    run_figures,
    sequence,
    share,
    texts,
)
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from pipeline.answers.overview import Overview
    from pipeline.answers.report_rows import MonthOfClicks, Reading, TopApplication

LONGEST_BAR = 12
WIDE, VERY_WIDE = 110, 150
FUNCTION_COUNTS = ("clicks", "applications", "first", "last")
BARS = "applications in each band; █ human clicks, ░ more with all clicks"
RUN_FIGURES = ("seconds", "applications", "clicks", "written")
MOST_PEOPLE, MOST_RUNS, MOST_MONTHS = 10, 10, 12  # in the text; the page and JSON have more
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
            "\\[default: what the definition says]",
        ),
    ] = None,
    offer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help=f"An application_status that means an offer, {ANY_CASE} "
            "\\[default: what the definition says]",
        ),
    ] = None,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show whom to follow up, what changed, how the scores are spread, and whether they predict."""
    if html and output is Format.json:
        raise ConfigurationError("--html and --format json exclude each other; nothing was done")
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    statuses = interview or (), offer or ()

    from pipeline.answers.overview import overview

    if html:
        from cli.report_html import report_page
        from pipeline.answers.whole_file import whole_file

        if html == STDOUT:
            sys.stdout.buffer.write(report_page(settings, *statuses).encode())
            return
        with whole_file(html) as file:  # opened before the long work, in case it cannot be
            size = file.write(report_page(settings, *statuses).encode())
        print(f"{html}: {size / 1e6:.1f} MB", file=sys.stderr)
    elif output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(overview(settings, *statuses))})
    else:
        out = console()
        for part in _text(overview(settings, *statuses), out.width):
            out.print(part)


def _text(seen: Overview, width: int) -> Iterator[RenderableType]:

    totals = seen.totals
    yield f"[bold]Report[/] of {minute(seen.taken_at)}; time zone {seen.timezone}"
    yield from _people(seen, width)
    yield "\n[bold]How fresh it all is[/]"
    counts = ("applications", "stored", "link_functions")
    headings = [name.replace("_", " ") for name in counts]
    yield table(headings, [texts(totals, *counts)], right=headings)
    yield from _paragraphs(how_fresh(seen))
    if totals["stored"]:
        yield from _of_rows(seen)
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


def _people(seen: Overview, width: int) -> Iterator[RenderableType]:
    found, moved = seen.followups, seen.changes
    yield f"\n[bold]Whom to follow up[/] (human clicks within {WITHIN})"
    if seen.definition["is_other"]:
        yield OTHER_DEFINITION
    if found.followups:
        shown = found.followups[:MOST_PEOPLE]
        yield followups_table(shown, found, width)
        if left_out := found.count - len(shown):
            yield f"{left_out:,} more: clickstats followups --limit {found.count}"
    else:
        yield from nobody(found, WITHIN)
    if found.missing:
        yield not_shown(found.missing)
    yield "\n[bold]What changed[/] (scores of human clicks within 24 hours)"
    if moved.changes:
        yield changes_table(moved.changes[:MOST_PEOPLE], width)
        if left_out := moved.count - len(moved.changes[:MOST_PEOPLE]):
            yield f"{left_out:,} more: clickstats changes --limit {moved.count}"
    else:
        yield no_change(SINCE)


def _of_rows(seen: Overview) -> Iterator[RenderableType]:
    from rich.text import Text

    yield "\n[bold]Both readings[/] (scores: mean, median; first click: median)"
    yield readings_table(seen.readings)
    yield f"[bold]How the scores are spread[/] ({BARS})"
    yield spread_table(seen.readings)
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
    if seen.alike:
        yield Text("\n".join([ALIKE, "[functions]", *(row["line"] for row in seen.alike), ""]))
    yield "[bold]The commonest sequences[/]"
    yield table(
        ("applications", "sequence"),
        ((f"{row['applications']:,}", printable(sequence(row))) for row in seen.sequences),
        right=("applications",),
    )
    yield "[bold]Time to the first click[/]"
    for name, reading in seen.readings.items():
        yield f"{READING_NAMES[name].capitalize()}: {response(reading['response'])}\n"
    yield "[bold]Do the scores predict?[/]"
    yield from _paragraphs(sentences(seen.prediction))
    yield "\n[bold]Machine clicks over time[/]"
    yield by_class(seen.clicks_by_month)
    yield months_table(newest_months(seen, MOST_MONTHS))


def _paragraphs(said: Iterable[tuple[str, str]]) -> Iterator[Text]:
    """Sentences, of each of which the first part is emphasized."""
    from rich.text import Text

    for strong, plain in said:
        yield Text.assemble((strong, "bold"), " " * bool(strong), plain)


def readings_table(readings: Mapping[str, Reading]) -> Table:
    """Both readings, a row each: how many clicks and applications, and what is typical."""
    headings = ("reading", "clicks", "applications", "engagement", "intent", "first click")
    return table(
        headings,
        (
            (
                READING_NAMES[name],
                *texts(reading, "clicks", "with_clicks"),
                *(
                    "–" if row["mean"] is None else f"{row['mean']:.1f}, {row['median']:g}"
                    for row in reading["scores"]
                ),
                brief(reading["response"]["median"]),
            )
            for name, reading in readings.items()
        ),
        right=headings[1:],
    )


def months_table(months: Iterable[MonthOfClicks]) -> Table:
    """The clicks of each month by what they are."""
    headings = ("month", "human", "machine", "share", "own", "repeats")
    rows = []
    for row in months:
        machine = sum(row[name] for name in MACHINE)  # type: ignore[literal-required]
        total = machine + row["human"] + row["own"] + row["repeat"]
        counts = (f"{row['human']:,}", f"{machine:,}", share(machine, total))
        rows.append((row["month"], *counts, f"{row['own']:,}", f"{row['repeat']:,}"))
    return table(headings, rows, right=headings[1:])


def spread_table(readings: Mapping[str, Reading]) -> Table:
    """How many applications have an engagement and an intent score in each band, in both readings,
    with bars: dark for human clicks, light for what all clicks have more."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("\nscore", justify="right")
    for heading in ("engagement", "intent"):
        shown.add_column(f"{heading}\nall", justify="right")
        shown.add_column("\nhuman", justify="right")
        shown.add_column("", min_width=LONGEST_BAR)
    every, human = (
        {(row["band"], row["score"]): row["applications"] for row in readings[name]["distribution"]}
        for name in READING_NAMES
    )
    most = max(1, *every.values(), *human.values())
    for lowest in dict.fromkeys(lowest for lowest, _ in every):
        cells: list[str | Text] = []
        for score, style in (("engagement_score", "cyan"), ("intent_score", "magenta")):
            counts = every[lowest, score], human[lowest, score]
            light, dark = (round(LONGEST_BAR * count / most) for count in counts)
            bar = Text("█" * dark + "░" * (light - dark), style=style)
            cells += [*(f"{count:,}" for count in counts), bar]
        shown.add_row(band(lowest), *cells)
    return shown


def top_table(rows: Iterable[TopApplication], width: int) -> Table:
    """The applications to follow up, a row each, with their scores of human clicks; those of all
    clicks and the last clicks where there is room for them."""
    headings = (
        *("application", "intent", "engagement", "last human click"),
        *("intent, all", "engagement, all", "last clicks"),
    )
    scores = ("intent_score_all", "engagement_score_all")
    shown = (
        (
            row["application_id"],
            *texts(row, "intent_score_human", "engagement_score_human"),
            f"{row['last_human_click']:%Y-%m-%d %H:%M}" if row["last_human_click"] else "–",
            *texts(row, *scores),
            printable(row["last_functions"] or "–"),
        )
        for row in rows
    )
    columns = len(headings) if width >= VERY_WIDE else 6 if width >= WIDE else 4
    return table(headings[:columns], (row[:columns] for row in shown), right=headings[1:-1])
