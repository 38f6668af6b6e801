"""The rows of a report, as `clickstats report --format json` prints them.

Counts are applications unless they say clicks. A band of scores is named after its lowest one;
band 90 holds 90 to 100.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypedDict


class ServerTotals(TypedDict):
    """The tables as a whole."""

    applications: int
    missing: int  # applications without a row
    rows_without_application: int  # of another program
    oldest_calculated_at: datetime | None
    newest_calculated_at: datetime | None
    newest_updated_at: datetime | None
    rows_left_out: int  # of applications, with values that no run writes


class RowTotals(TypedDict):
    """The stored rows as a whole, but for those that are left out."""

    stored: int
    with_clicks: int
    clicks: int
    link_functions: int  # different ones
    machine_clicks: int
    own_clicks: int
    repeated_clicks: int
    without_readings: int  # with clicks, but from before there were readings


class Totals(ServerTotals, RowTotals):
    """Both."""


class ScoreAverages(TypedDict):
    """What is typical of a score."""

    score: str
    mean: float | None
    median: float | None


class ScoreBand(TypedDict):
    """How many have a score in a band."""

    score: str
    band: int
    applications: int


class PairOfBands(TypedDict):
    """How many have one score in one band, and the other in another."""

    engagement_band: int
    intent_band: int
    applications: int


class HourOfWeek(TypedDict):
    """Clicks in an hour of a day of the week, as the source has them now."""

    day_of_week: int  # 0 is Sunday
    hour: int
    clicks: int


class Response(TypedDict):
    """The quartiles of the time to the first click of those who clicked after the application, and
    how many others there are."""

    lower_quartile: timedelta | None
    median: timedelta | None
    upper_quartile: timedelta | None
    after: int
    not_after: int
    at_the_same_moment: int
    before: int
    none: int  # never clicked, or without a time


class ResponseTime(TypedDict):
    """How many had their first click within this range of times; only times after the
    application."""

    at_least: timedelta
    below: timedelta | None
    applications: int


class Reading(TypedDict):
    """What one reading says: of all used clicks, or of the human ones."""

    with_clicks: int
    clicks: int
    scores: list[ScoreAverages]
    distribution: list[ScoreBand]
    response: Response
    response_times: list[ResponseTime]


class DefinitionInForce(TypedDict):
    """By which definition a report was made."""

    fingerprint: str
    count: Literal["all", "human"]
    is_other: bool  # than the published one: the rows are those that it would give
    changes: list[str]  # since the last published run, in words
    published_at: datetime | None  # the snapshot of that run


class MonthOfClicks(TypedDict):
    """Used clicks of a month by class, as the source has them now."""

    month: str  # 2024-03, in the reporting zone
    trap: int
    declared: int
    network: int
    own: int
    sweep: int
    repeat: int
    human: int


class Spellings(TypedDict):
    """Link functions that differ only in case or white space."""

    name: str
    others: list[str]
    line: str  # of [functions] in the definition, which makes them one


class LinkFunction(TypedDict):
    """How often links of a function are clicked."""

    link_function: str
    clicks: int
    applications: int  # with a click on it
    first: int  # whose first click was on it
    last: int


class ClickSequence(TypedDict):
    """How many have exactly this sequence of clicks."""

    click_sequence: list[str]  # of a long one the beginning
    clicks: int  # how long it is
    applications: int


class RuleCount(TypedDict):
    """How many a rule fires for."""

    score: str
    rule: str
    applications: int
    points: int  # that it gives in all


class Share(TypedDict):
    """A share with its 95% interval after Wilson; null where there is nobody."""

    applications: int
    successes: int
    rate: float | None
    low: float | None
    high: float | None


class OutcomeShare(Share):
    """The share of those in a band of a score that came to an outcome."""

    score: str
    outcome: str
    band: int


class TopApplication(TypedDict):
    """An application to follow up; a score without a suffix is that of the clicks that count."""

    application_id: str
    engagement_score: int
    intent_score: int
    engagement_score_all: int
    intent_score_all: int
    engagement_score_human: int
    intent_score_human: int
    last_human_click: datetime | None
    total_click_events: int
    hours_to_first_click: Decimal | None
    last_functions: str | None


class RunOfLedger(TypedDict):
    """A `run --all`."""

    id: str
    started_at: datetime
    outcome: str  # its state; the name is that of the ledger's column
    exit_code: int | None
    seconds: float | None
    applications: int | None
    clicks_read: int | None
    written: int | None
    error: str | None
