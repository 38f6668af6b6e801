"""Whom to follow up and what changed, as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import printable, table
from cli.wording import ago, known_by, minute, moved, why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pipeline.answers.followups import Followup, Followups
    from pipeline.answers.score_change import ScoreChange

WIDE = 120  # columns, from which each has its own; below, what does not fit stands under the names
FOLLOWUP_HEADINGS = ("id", "company and job", "intent", "engagement", "last click", "status", "why")
CHANGE_HEADINGS = ("id", "when (UTC)", "intent", "engagement", "company and job", "why")


def followups_table(rows: Sequence[Followup], found: Followups, width: int) -> Table:
    """Some of those to follow up, a row each."""
    wide = width >= WIDE
    return table(
        FOLLOWUP_HEADINGS if wide else FOLLOWUP_HEADINGS[:-2],
        (_followup(one, found, wide=wide) for one in rows),
        right=["intent", "engagement"],
        whole=[] if wide else ["last click"],
    )


def _followup(one: Followup, found: Followups, *, wide: bool) -> tuple[str, ...]:
    status = printable(one["application_status"] or "–")
    on = ", ".join(map(printable, one["last_click_on"]))
    last = ago(found.now - one["last_human_click"])
    scores = (
        moved(one["intent_score"], one["intent_change"]),
        moved(one["engagement_score"], one["engagement_change"]),
    )
    if wide:
        last += f" on {on}" * bool(on)
        return (one["short_id"], known_by(one), *scores, last, status, one["reason"])
    more = f"{status}; {f'last on {on}; ' * bool(on)}{one['reason']}"
    return (one["short_id"], f"{known_by(one)}\n{more}", *scores, last)


def changes_table(rows: Sequence[ScoreChange], width: int) -> Table:
    """Some changes of scores, a row each."""
    wide = width >= WIDE
    return table(
        CHANGE_HEADINGS if wide else CHANGE_HEADINGS[:-1],
        (_change(one, wide=wide) for one in rows),
        right=["intent", "engagement"],
        whole=["when (UTC)"],
    )


def _change(one: ScoreChange, *, wide: bool) -> tuple[str, ...]:
    when = minute(one["changed_at"]).removesuffix(" UTC")
    first = (
        one["short_id"],
        when if wide else when.replace(" ", "\n"),
        f"{one['intent_score_before']} → {one['intent_score']}",
        f"{one['engagement_score_before']} → {one['engagement_score']}",
    )
    if wide:
        return (*first, known_by(one), why(one))
    return (*first, f"{known_by(one)}\n{why(one)}")
