"""What a run did, on the terminal: each number once, and in words what is out of the ordinary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.run_report import RunReport

Row = tuple[str, int, str]  # what, how many, why

# what becomes of an application; these are shown only when there are any
FATES = {
    "pending": "left for a later run by --limit",
    "newer": "left alone: a run --app-id has newer results",
    "gone": "deleted while the run was under way",
    "frozen": "older than frozen_after_days: stored rows kept",
}
LEFT_OUT = {
    "unusable": "without a time, or one outside 1970 to 2099",
    "unattributed": "on no link of an application",
}


def of_run(run: RunReport) -> Iterator[RenderableType]:
    """One table of a run's counts, and a sentence about the run; narrow enough for 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for what, how_many, reason in _rows(run):
        table.add_row(what, f"{how_many:,}", reason * bool(how_many))
    yield table
    yield (
        f"Run {run.run_id}; snapshot {run.snapshot_at:%Y-%m-%d %H:%M:%S} UTC; hours in "
        f"{run.timezone}" + (f"; {run.seconds['total']:.2f} s" if "total" in run.seconds else "")
    )
    if run.biggest_changes:
        changed = counted(run.score_changes, "application")
        yield f"\n{changed} with other scores of human clicks, most of all:"
        for each in run.biggest_changes:
            yield (
                f"  {each['application_id']}  intent {each['intent_score_before']} → "
                f"{each['intent_score']}, engagement {each['engagement_score_before']} → "
                f"{each['engagement_score']}"
            )


def _rows(run: RunReport) -> Iterator[Row]:
    yield "applications", run.applications, ""
    for name in ("inserted", "updated", "unchanged"):
        yield f"  {name}", getattr(run, name), ""
    for name, reason in FATES.items():
        yield from _if_any(f"  {name}", getattr(run, name), reason)
    yield "clicks read", run.clicks_read, ""
    yield "  used", run.clicks_used, ""
    for name, clicks in run.clicks_by_class.items():
        if clicks or name == "human":
            yield f"    {name}", clicks, ""
    for name, reason in LEFT_OUT.items():
        yield f"  {name}", getattr(run, f"clicks_{name}"), reason
    for name in ("written", "deleted"):
        readings = getattr(run, f"readings_{name}")
        yield from _if_any(f"readings {name}", readings, "in link_click_readings")
    yield from _if_any("rows deleted", run.deleted, "of applications that are gone")
    yield from _if_any(
        "foreign rows", run.rows_without_application, "of no application, left alone"
    )


def _if_any(what: str, how_many: int, reason: str) -> Iterator[Row]:
    if how_many:
        yield what, how_many, reason
