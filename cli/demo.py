"""`clickstats demo`: the whole of it on made-up data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.options import Timezone
from cli.output import console
from cli.run import tables
from pipeline.settings import checked_timezone

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from pipeline.demo import Demo

LONGEST_BAR = 22


def demo(timezone: Timezone = "UTC") -> None:
    """Show clickstats on made-up data, in a private PostgreSQL that is gone afterwards."""
    timezone = checked_timezone(timezone)

    from pipeline.demo import demo as run_demo

    print_demo(run_demo(timezone))


def print_demo(shown: Demo) -> None:
    """Print whom to follow up, how the scores are spread, and what the run did."""
    out = console()
    out.print(f"\n[bold]Whom to follow up first[/] (made-up data, PostgreSQL {shown.postgresql})")
    out.print(_top(shown.top))
    out.print("[bold]How the scores are spread[/] (applications in each band)")
    out.print(_spread(shown.distribution))
    out.print("[bold]What the run did[/]")
    out.print(tables(shown.run))
    again = shown.second_run
    out.print(
        f"A second run over the same data wrote {again.inserted + again.updated} rows"
        f" and took {again.seconds['total']:.2f} s."
    )


def _top(applications: pl.DataFrame) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("application", no_wrap=True, max_width=36)
    for heading in ("intent", "engagement", "clicks", "first click"):
        table.add_column(heading, justify="right")
    table.add_column("last clicks", no_wrap=True, overflow="ellipsis")
    for row in applications.iter_rows(named=True):
        table.add_row(
            row["application_id"],
            str(row["intent_score"]),
            str(row["engagement_score"]),
            f"{row['total_click_events']:,}",
            f"{row['hours_to_first_click']} h",
            Text(row["last_functions"]),
        )
    return table


def _spread(distribution: pl.DataFrame) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", justify="right")
    for heading in ("engagement", "intent"):
        table.add_column(heading, justify="right")
        table.add_column("", min_width=LONGEST_BAR)
    most = max(distribution.select("engagement", "intent").max().row(0))
    for band, engagement, intent in distribution.iter_rows():
        table.add_row(
            f"{band}–{100 if band == 90 else band + 9}",
            f"{engagement:,}",
            Text("█" * round(LONGEST_BAR * engagement / most), style="cyan"),
            f"{intent:,}",
            Text("█" * round(LONGEST_BAR * intent / most), style="magenta"),
        )
    return table
