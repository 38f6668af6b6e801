"""`clickstats demo`: the whole of it on made-up data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cli.options import Timezone
from cli.output import console
from cli.report import BARS, spread_table, top_table
from cli.run_words import of_run
from cli.wording import counted

if TYPE_CHECKING:
    from pipeline.demo.demo import Demo


def demo(timezone: Timezone = None) -> None:
    """Show clickstats on made-up data, in a private PostgreSQL that is gone afterwards."""
    logging.getLogger("clickstats").setLevel(logging.ERROR)  # the report has the warnings

    from pipeline.demo.demo import demo as run_demo

    print_demo(run_demo(timezone))


def print_demo(shown: Demo) -> None:
    """Print whom to follow up, how the scores are spread, and what the run did."""
    from rich.text import Text

    out = console()
    where = f"made-up data, PostgreSQL {shown.postgresql}; scores of human clicks"
    out.print(f"\n[bold]Whom to follow up first[/] ({where})")
    out.print(top_table(shown.report.top, out.width))
    out.print(f"[bold]How the scores are spread[/] ({BARS})")
    out.print(spread_table(shown.report.readings))
    out.print("[bold]What the run did[/]")
    for part in of_run(shown.run):
        out.print(part)
    for warning in shown.run.warnings:
        out.print(Text(f"Warning: {warning}"))  # brackets in it are no markup
    again = shown.second_run
    out.print(
        f"A second run over the same data wrote {counted(again.written, 'row')}"
        f" and took {again.seconds['total']:.2f} s."
    )
