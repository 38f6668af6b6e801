"""How scores of human clicks moved, and why: which rules began or ceased to fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.answers.names import names
from pipeline.answers.score_change import ScoreChange
from pipeline.answers.status import since_now
from pipeline.database.connection import rows_by_name
from pipeline.rewrites import read_steadily
from pipeline.scoring.scores import ENGAGEMENT, INTENT
from pipeline.settings import Settings
from pipeline.short_ids import short_ids
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

ALWAYS = datetime(1, 1, 1)  # UTC
# in the order of the bits of human_rules; those of intent say so, since both scores have Calendly
RULE_NAMES = [
    *(rule.name for rule in ENGAGEMENT),
    *(f"{rule.name} (intent)" for rule in INTENT),
]


@dataclass(frozen=True)
class Changes:
    """The changes since an instant, newest first; `count` is how many there are in all."""

    since: datetime  # UTC
    count: int
    changes: list[ScoreChange]
    missing: list[str]  # names that cannot be shown


def changes(settings: Settings, since: timedelta, limit: int) -> Changes:
    """What has moved within this time until now."""
    return read_steadily(
        settings,
        lambda connection: score_changes(connection, since_now(connection, since), limit=limit),
    )


def score_changes(
    connection: Connection, since: datetime, application_ids: Sequence[str] = (), *, limit: int
) -> Changes:
    """The changes since an instant of the named applications, or of all."""
    known_by = names(connection)
    parameters = {"since": since, "application_ids": list(application_ids), "row_limit": limit}
    rows = rows_by_name(connection, known_by.in_front + statement("changes"), parameters)
    short = short_ids(connection, [row["application_id"] for row in rows])
    found: list[ScoreChange] = [
        {
            "application_id": row["application_id"],
            "short_id": short_id,
            "job_title": row["job_title"],
            "company": row["company"],
            "run_id": row["run_id"],
            "changed_at": row["changed_at"],
            "engagement_score_before": row["engagement_score_before"],
            "engagement_score": row["engagement_score"],
            "intent_score_before": row["intent_score_before"],
            "intent_score": row["intent_score"],
            "began": _names(row["rules"] & ~row["rules_before"]),
            "ceased": _names(row["rules_before"] & ~row["rules"]),
        }
        for row, short_id in zip(rows, short, strict=True)
    ]
    return Changes(since, rows[0]["changes"] if rows else 0, found, known_by.missing)


def _names(rules: int) -> list[str]:
    return [name for bit, name in enumerate(RULE_NAMES) if rules >> bit & 1]
