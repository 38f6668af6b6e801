"""A phase while it lasts, on a terminal: a bar where rows are counted, a spinner elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.run_report import Advance, Show, show_nothing


def progress(*, quiet: bool) -> Show:
    """How to show phases: on standard error when that is a terminal, else not at all."""
    return show_nothing if quiet or not sys.stderr.isatty() else _on_terminal


@contextmanager
def _on_terminal(phase: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(phase, total=None, rows="")

        def advance(done: int, total: int) -> None:
            speed = shown.tasks[task].finished_speed or shown.tasks[task].speed or 0
            # the last rows staged, the server still has to write them: back to a spinner
            shown.update(
                task,
                completed=done,
                total=total if done < total else None,
                rows=f"{done:,} of {total:,} rows, {speed:,.0f} a second",
            )

        yield advance
