"""What one run changed about the scores of one application, as `clickstats changes` shows it."""

from datetime import datetime
from typing import TypedDict


class ScoreChange(TypedDict):
    """What one run changed about the scores of one application."""

    application_id: str
    short_id: str
    job_title: str | None
    company: str | None
    run_id: str
    changed_at: datetime  # UTC: the snapshot of the run
    engagement_score_before: int
    engagement_score: int
    intent_score_before: int
    intent_score: int
    began: list[str]  # rules that fire now, and did not before
    ceased: list[str]
