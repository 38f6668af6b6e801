"""`clickstats explain`: why applications have the scores they have."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
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
from cli.output import SCHEMA_VERSION, console, print_json, printable, table, text_of
from cli.wording import minute, why
from pipeline.errors import UnknownApplication
from pipeline.settings import Settings, application_ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rich.console import RenderableType
    from rich.table import Table

    from pipeline.answers.explanation import Explanation, StoredRow

COUNTED = {"all": "all clicks", "human": "human clicks"}
MOST_CLICKS = 40  # of a timeline in the text; JSON has all


def explain(
    application: Annotated[
        list[str], typer.Argument(metavar="UUID...", help="The applications to explain.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Leave out user agents and addresses.")
    ] = False,
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Show an application's clicks, its metrics, and how each rule adds to its scores.

    All is computed from the clicks of this moment and compared with the stored row.
    """
    named = application_ids(application)
    settings = Settings(database_url, schema, timezone, connect_timeout, definition_file=definition)

    from pipeline.answers.explain import explain_named
    from pipeline.short_ids import whole_ids

    named, nowhere = whole_ids(settings, named)

    explained, unknown = explain_named(settings, named, private=private)
    if output is Format.json:
        print_json([{"schema_version": SCHEMA_VERSION, **asdict(one)} for one in explained])
    else:
        out = console()
        for one in explained:
            for part in _text(one):
                out.print(part)
    if unknown := [*unknown, *nowhere]:
        raise UnknownApplication(
            f"no such application: {', '.join(unknown)}; expected ids from job_applications"
            + (f"; {len(explained)} explained" if explained else "")
        )


def _text(one: Explanation) -> Iterator[RenderableType]:
    yield f"[bold]Application {one.application_id}[/]"
    yield f"job {text_of(one.job_id)}; created {text_of(one.created_at)}"
    yield from _stored(one.stored)
    yield f"\n[bold]Clicks[/] (times in {one.timezone})"
    yield from _clicks(one)
    yield "[bold]Scores[/]"
    yield _both_readings(one)
    yield from _history(one)
    yield f"[bold]Metrics[/] of {COUNTED[one.count]}"
    yield table(
        ("metric", "value"), ((name, text_of(value)) for name, value in one.metrics.items())
    )
    for score, steps in one.scores.items():
        yield f"[bold]{score} {one.metrics[score]}[/]"
        yield _waterfall(score, steps)


def _stored(row: StoredRow) -> Iterator[RenderableType]:
    from rich.text import Text

    match row.state:
        case "missing":
            yield "stored row: [yellow]missing[/]; `clickstats run` writes it"
        case "foreign":
            yield (
                "stored row: [yellow]holds values that no run writes[/]; `clickstats run` "
                "replaces it"
            )
        case "current":
            yield f"stored row: [green]up to date[/], calculated {text_of(row.calculated_at)}"
        case "another zone" | "another definition":
            yield f"stored row: [green]as published[/], calculated {text_of(row.calculated_at)}"
        case "out of date" | "frozen":
            renewed = {
                "out of date": "`clickstats run` renews it",
                "frozen": "only `clickstats run --app-id ID --thaw` renews it",
            }
            yield (
                f"stored row: [yellow]{row.state}[/], calculated {text_of(row.calculated_at)}; "
                f"{renewed[row.state]}"
            )
            yield table(
                ("column", "stored", "computed"),
                (
                    (each.column, text_of(each.stored), text_of(each.computed))
                    for each in row.differences
                ),
            )
    if row.changes:
        other = "another zone" if row.state == "another zone" else "another definition"
        yield f"computed here by {other} than that of the last published run:"
        for change in row.changes:
            yield Text(f"  {printable(change)}")


def _clicks(one: Explanation) -> Iterator[RenderableType]:
    half = MOST_CLICKS // 2
    left_out = max(len(one.clicks) - MOST_CLICKS, 0)
    rows = [_click(click, one.created_at) for click in one.clicks]
    if left_out:
        rows[half:-half] = [("⋮", f"⋮ {left_out:,} more in --format json", "⋮", "⋮")]
    if rows:
        yield table(
            ("time", "link function", "after application", "class"),
            rows,
            right=["after application"],
        )
        yield from _origins(one)
    else:
        yield "none\n"
    if one.clicks_unusable:
        yield f"{one.clicks_unusable:,} more without a usable time\n"


def _click(click: dict[str, Any], created_at: datetime | None) -> tuple[str, str, str, str]:
    local = datetime.fromisoformat(click["local_time"])
    after = created_at and timedelta(
        seconds=int((click["clicked_at"] - created_at).total_seconds())
    )
    return (
        f"{local:%a %Y-%m-%d %H:%M:%S}",
        printable(click["link_function"]),
        text_of(after),
        click["class"],
    )


def _origins(one: Explanation) -> Iterator[RenderableType]:
    """Why clicks are not human, and where clicks come from, each said once."""
    reasons = Counter((click["class"], click["reason"]) for click in one.clicks if click["reason"])
    if reasons:
        yield "[bold]Not human[/]"
        yield table(
            ("class", "clicks", "why"),
            (
                (name, text_of(count), printable(reason))
                for (name, reason), count in reasons.items()
            ),
            right=["clicks"],
        )
    addresses: dict[str | None, list[str | None]] = {}  # by user agent, one for each click
    for click in one.clicks:
        if "user_agent" in click:
            addresses.setdefault(click["user_agent"], []).append(click["ip_address"])
    if any(agent or any(of) for agent, of in addresses.items()):
        yield "[bold]Where they come from[/]"
        yield table(
            ("user agent", "clicks", "addresses"),
            (
                (
                    "–" if agent is None else printable(agent),
                    text_of(len(of)),
                    text_of([each for each in dict.fromkeys(of) if each]),
                )
                for agent, of in addresses.items()
            ),
            right=["clicks"],
        )


def _history(one: Explanation) -> Iterator[RenderableType]:
    """How the scores of human clicks went, as far as the runs have kept it."""
    if one.history:
        yield "[bold]How the scores of human clicks changed[/]"
        yield table(
            ("when", "engagement", "intent", "why"),
            (
                (
                    minute(each["changed_at"]),
                    f"{each['engagement_score_before']} → {each['engagement_score']}",
                    f"{each['intent_score_before']} → {each['intent_score']}",
                    why(each),
                )
                for each in one.history[:MOST_CLICKS]
            ),
            right=["engagement", "intent"],
        )


def _both_readings(one: Explanation) -> Table:
    of = one.readings  # null without a click
    rows = [
        (name, *(text_of(of[f"{score}_{reading}"] or 0) for score in one.scores))
        for reading, name in COUNTED.items()
    ]
    return table(("of", *one.scores), rows, right=list(one.scores))


def _waterfall(score: str, steps: list[dict[str, Any]]) -> Table:
    shown = table(
        ("points", "rule", "why"),
        (
            (f"{step['points']:+}" if step["fired"] else "·", step["rule"], step["why"])
            for step in steps
        ),
        right=["points"],
    )
    for row, step in zip(shown.rows, steps, strict=True):
        row.style = "" if step["fired"] else "dim"
    shown.add_section()
    shown.add_row(f"{sum(step['points'] for step in steps)}", score)
    return shown
