"""Whom to follow up: open applications with human interest of late, best first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from pipeline.answers.names import names
from pipeline.answers.status import since_now
from pipeline.choice import Choice, chosen
from pipeline.database.connection import rows_by_name
from pipeline.definition import Statuses, means
from pipeline.rewrites import read_steadily
from pipeline.scoring.rules import Rule
from pipeline.scoring.scores import ALL_RULES, INTENT
from pipeline.settings import Settings
from pipeline.short_ids import short_ids
from pipeline.source_columns import source_columns
from pipeline.source_shape import read_past_outdated_indexes
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

A_DAY = timedelta(days=1)
STATUSES = """
SELECT application_status, count(*) FROM applications GROUP BY application_status
ORDER BY count(*) DESC, application_status
"""
NEWEST = """
SELECT max(last_human_click) FROM link_click_readings
WHERE last_human_click BETWEEN '0001-01-01' AND '9999-12-31'
"""
BEFORE = """
SELECT DISTINCT ON (application_id) application_id, engagement_score_before, intent_score_before
FROM link_click_score_changes
WHERE changed_at >= %(since)s AND application_id = ANY (%(application_ids)s::uuid[])
ORDER BY application_id, changed_at
"""


class Followup(TypedDict):
    """One application to follow up; scores are those of human clicks."""

    application_id: str
    short_id: str
    company: str | None
    job_title: str | None
    application_status: str | None
    intent_score: int
    engagement_score: int
    intent_change: int  # since the day before
    engagement_change: int
    last_human_click: datetime  # UTC
    last_click_on: list[str]  # link functions
    reason: str  # the strongest rule that fired, in words


class StatusMeaning(TypedDict):
    """How an application_status is read."""

    application_status: str | None
    applications: int
    meaning: str  # open, or closed


@dataclass(frozen=True)
class Followups:
    """Whom to follow up, best first; `count` is how many there are in all."""

    now: datetime  # UTC
    since: datetime  # of the last human click
    published: datetime | None  # the snapshot of the last `run --all`
    count: int
    followups: list[Followup]
    newest_human_click: datetime | None  # of any application, open or not
    statuses: list[StatusMeaning]
    missing: list[str]  # what cannot be shown


def followups(
    settings: Settings,
    within: timedelta,
    limit: int,
    statuses: Sequence[str] = (),
    *,
    all_statuses: bool = False,
) -> Followups:
    """The applications with a human click within this time until now: those whose status is not
    closed, or is one of `statuses`, or whatever it is."""

    def read(connection: Connection) -> Followups:
        choice = chosen(connection, settings)
        return open_interest(connection, choice, within, limit, statuses, all_statuses=all_statuses)

    return read_steadily(settings, read)


def open_interest(
    connection: Connection,
    choice: Choice,
    within: timedelta,
    limit: int,
    statuses: Sequence[str] = (),
    *,
    all_statuses: bool = False,
) -> Followups:
    """The same, of the connection's snapshot."""
    read_past_outdated_indexes(connection)
    now, since = since_now(connection, timedelta()), since_now(connection, within)
    known_by = names(connection)
    found = _statuses(connection, known_by.in_front, choice.definition.statuses)
    closed = (
        [each["application_status"] for each in found if each["meaning"] == "closed"]
        if not (statuses or all_statuses)
        else []
    )
    wanted = (
        [
            each["application_status"]
            for each in found
            if means(each["application_status"], statuses)
        ]
        if statuses
        else None
    )
    parameters = {"since": since, "closed": closed, "wanted": wanted, "row_limit": limit}
    rows = rows_by_name(connection, known_by.in_front + statement("open_interest"), parameters)
    [newest] = rows_by_name(connection, NEWEST, {})
    return Followups(
        now,
        since,
        choice.published.snapshot_at if choice.published else None,
        rows[0]["applications"] if rows else 0,
        _followups(connection, choice, rows, now),
        newest["max"],
        found,
        known_by.missing,
    )


def _followups(
    connection: Connection, choice: Choice, rows: list[dict[str, Any]], now: datetime
) -> list[Followup]:
    ids = [row["application_id"] for row in rows]
    instants = [row["last_human_click"] for row in rows]
    before = {
        row["application_id"]: row
        for row in rows_by_name(connection, BEFORE, {"since": now - A_DAY, "application_ids": ids})
    }
    return [
        {
            "application_id": row["application_id"],
            "short_id": short_id,
            "company": row["company"],
            "job_title": row["job_title"],
            "application_status": row["application_status"],
            "intent_score": row["intent_score_human"],
            "engagement_score": row["engagement_score_human"],
            "intent_change": _change(row, before, "intent_score"),
            "engagement_change": _change(row, before, "engagement_score"),
            "last_human_click": row["last_human_click"],
            "last_click_on": clicked.get(row["application_id"], []),
            "reason": strongest(row["human_rules"]),
        }
        for clicked in [_last_clicks(connection, choice, ids, instants)]
        for row, short_id in zip(rows, short_ids(connection, ids), strict=True)
    ]


def _change(row: dict[str, Any], before: dict[str, dict[str, Any]], score: str) -> int:
    earlier = before.get(row["application_id"])
    return int(row[f"{score}_human"] - earlier[f"{score}_before"]) if earlier else 0


def strongest(human_rules: int) -> str:
    """The reason of the rule with most points among those that fired; of equals one of intent."""
    fired = [rule for bit, rule in enumerate(ALL_RULES) if human_rules >> bit & 1]

    def weight(rule: Rule) -> tuple[int, bool]:
        return rule.points, rule in INTENT

    return max(fired, key=weight).reason if fired else ""


def _statuses(connection: Connection, in_front: str, meanings: Statuses) -> list[StatusMeaning]:
    return [
        {
            "application_status": row["application_status"],
            "applications": row["count"],
            "meaning": "closed" if means(row["application_status"], meanings.closed) else "open",
        }
        for row in rows_by_name(connection, in_front + STATUSES, {})
    ]


def _last_clicks(
    connection: Connection, choice: Choice, ids: list[str], instants: list[datetime]
) -> dict[str, list[str]]:
    """What the last human click of each application was on: all links clicked at that instant, as
    the definition has it by which the instant is stored."""
    definition = choice.published_definition
    front = source_columns(connection).in_front(["link_clicks"], definition)
    spelled = definition.spellings
    found: defaultdict[str, set[str]] = defaultdict(set)
    parameters = {"application_ids": ids, "instants": instants}
    text = front.as_string(connection) + statement("last_clicks")
    for row in rows_by_name(connection, text, parameters):
        function = row["link_function"]
        found[row["application_id"]].add(spelled.get(function, function))
    return {application: sorted(functions) for application, functions in found.items()}
