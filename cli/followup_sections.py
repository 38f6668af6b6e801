"""The first sections on the page of a report: whom to follow up, what changed, how fresh it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.output import printable
from cli.report_parts import Cell, Figure, Row, Section, Table
from cli.wording import (
    OTHER_DEFINITION,
    SINCE,
    WITHIN,
    ago,
    how_fresh,
    known_by,
    minute,
    moved,
    no_change,
    nobody,
    not_shown,
    why,
)
from pipeline.answers.changes import Changes
from pipeline.answers.followups import Followup, Followups
from pipeline.answers.overview import Overview
from pipeline.answers.score_change import ScoreChange

Sentences = list[tuple[str, str]]

FOLLOWUPS = ("company and job", "status", "why", "last click", "id", "intent", "engagement")
CHANGES = ("company and job", "why", "when (UTC)", "id", "intent", "engagement")


def followup_sections(seen: Overview) -> Iterator[Section]:
    """The sections, in their order."""
    other = [("", OTHER_DEFINITION)] * seen.definition["is_other"]
    yield Section("Whom to follow up", *_followups(seen.followups, other))
    yield Section("What changed", *_changes(seen.changes))
    yield Section("How fresh it all is", [], list(how_fresh(seen)))


def _followups(found: Followups, other: Sentences) -> tuple[Sequence[Figure], Sentences]:
    missing = [("", not_shown(found.missing))] * bool(found.missing)
    if not found.followups:
        return [], [("", " ".join(nobody(found, WITHIN))), *other, *missing]
    shown, total = len(found.followups), found.count
    said = (
        "Open applications with human clicks in the last 14 days, best first, by the scores of "
        "human clicks. In brackets: the change since the day before."
    )
    more = f"{total - shown:,} more: clickstats followups --limit {total}" if total > shown else ""
    table = Table(
        FOLLOWUPS, [_followup(each, found) for each in found.followups], 5, cards="people"
    )
    return [Figure("", table, note=more)], [("", said), *other, *missing]


def _followup(one: Followup, found: Followups) -> Row:
    on = ", ".join(map(printable, one["last_click_on"]))
    at = one["last_human_click"]
    return (
        known_by(one),
        printable(one["application_status"] or "–"),
        one["reason"],
        Cell(ago(found.now - at) + f" on {on}" * bool(on), f"{at:%Y-%m-%dT%H:%M:%S}", minute(at)),
        Cell(one["short_id"], one["short_id"], one["application_id"]),
        moved(one["intent_score"], one["intent_change"]),
        moved(one["engagement_score"], one["engagement_change"]),
    )


def _changes(found: Changes) -> tuple[Sequence[Figure], Sentences]:
    if not found.changes:
        return [], [("", no_change(SINCE))]
    shown, total = len(found.changes), found.count
    more = f"{total - shown:,} more: clickstats changes --limit {total}" if total > shown else ""
    said = (
        "How scores of human clicks moved in the last 24 hours, newest first, and the rules that "
        "began (+) or ceased (-) to fire."
    )
    table = Table(CHANGES, [_change(each) for each in found.changes], 4, cards="people")
    return [Figure("", table, note=more)], [("", said)]


def _change(one: ScoreChange) -> Row:
    return (
        known_by(one),
        why(one),
        f"{one['changed_at']:%Y-%m-%d %H:%M}",
        Cell(one["short_id"], one["short_id"], one["application_id"]),
        _moved(one["intent_score_before"], one["intent_score"]),
        _moved(one["engagement_score_before"], one["engagement_score"]),
    )


def _moved(before: int, after: int) -> Cell:
    """In the order of how far it moved."""
    return Cell(f"{before} → {after}", after - before)
