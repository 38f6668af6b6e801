"""The two tables of rules, one for each score (SPEC, Scores), and nothing else."""

import hashlib
from datetime import timedelta
from functools import cache

import polars as pl

from pipeline.scoring.evidence import (
    clicks_and_functions,
    clicks_on,
    days_clicked,
    number_of_clicks,
    time_of_first_click,
    velocity,
)
from pipeline.scoring.metrics import clicks_per_day_above
from pipeline.scoring.rules import Rule, fired, score

clicks = pl.col("total_click_events")
functions = pl.col("unique_functions_clicked")
response = pl.col("time_to_first_click")


def clicked(function: str) -> pl.Expr:
    """Whether the application has a click on a link of this function."""
    return pl.col("click_sequence").list.count_matches(function) > 0


def responded_within(hours: int) -> pl.Expr:
    """Whether the first click came after the application, and less than `hours` after it."""
    return (response > timedelta()) & (response < timedelta(hours=hours))


def on_weekend() -> pl.Expr:
    """Whether there was a click on a Sunday (0) or a Saturday (6)."""
    days = pl.col("click_days_of_week")
    return days.list.contains(0) | days.list.contains(6)


ENGAGEMENT = (
    Rule("any engagement", "at least one click", number_of_clicks(), clicks > 0, 10),
    Rule("LinkedIn viewed", "a click on LinkedIn", clicks_on("LinkedIn"), clicked("LinkedIn"), 25),
    Rule("Calendly clicked", "a click on Calendly", clicks_on("Calendly"), clicked("Calendly"), 40),
    Rule(
        "repeat clicks",
        "clicks beyond the first on a link function",
        clicks_and_functions(),
        clicks > functions,
        5,
        each=clicks - functions,
        at_most=15,
    ),
    Rule(
        "quick response",
        "first click less than 4 hours after the application",
        time_of_first_click(),
        responded_within(4),
        30,
    ),
    Rule("weekend click", "a click on a Saturday or Sunday", days_clicked(), on_weekend(), 20),
    Rule(
        "several link types",
        "link functions beyond the first",
        clicks_and_functions(),
        functions > 1,
        10,
        each=functions - 1,
    ),
)

INTENT = (
    Rule(
        "very quick response",
        "first click less than 2 hours after the application",
        time_of_first_click(),
        responded_within(2),
        50,
    ),
    Rule(
        "quick response",
        "first click less than 8 hours after the application, but not less than 2",
        time_of_first_click(),
        responded_within(8) & ~responded_within(2),
        30,
    ),
    Rule("high velocity", "more than 2 clicks a day", velocity(), clicks_per_day_above(2), 30),
    Rule(
        "moderate velocity",
        "more than 1 click a day, but not more than 2",
        velocity(),
        clicks_per_day_above(1) & ~clicks_per_day_above(2),
        15,
    ),
    Rule("Calendly clicked", "a click on Calendly", clicks_on("Calendly"), clicked("Calendly"), 40),
    Rule("repeat visits", "more than 3 clicks", number_of_clicks(), clicks > 3, 20),
)

SCORES = {"engagement_score": ENGAGEMENT, "intent_score": INTENT}
ALL_RULES = (*ENGAGEMENT, *INTENT)  # as the bits of human_rules


def scores(metrics: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application: its metrics, `engagement_score` and `intent_score` (0 to 100)."""
    return metrics.with_columns(**_expressions())


@cache  # who computes again and again builds them once
def _expressions() -> dict[str, pl.Expr]:
    return {name: score(rules) for name, rules in SCORES.items()}


@cache
def human_rules() -> pl.Expr:
    """Which rules of both scores have fired: a bit for each of `ALL_RULES`."""
    return fired(ALL_RULES)


@cache
def rules_fingerprint() -> str:
    """Twelve characters that change when a rule changes, so that runs can be told apart: its reason
    says what its condition is."""
    table = [(rule.name, rule.reason, rule.points, rule.at_most) for rule in ALL_RULES]
    return hashlib.sha256(repr(table).encode()).hexdigest()[:12]
