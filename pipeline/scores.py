"""The two tables of rules, one for each score (SPEC, Scores), and nothing else."""

from datetime import timedelta

import polars as pl

from pipeline.metrics import clicks_per_day_above
from pipeline.rules import Rule, score

any_click = pl.col("total_click_events") > 0
several_functions = pl.col("unique_functions_clicked") > 1
repeats = pl.col("total_click_events") - pl.col("unique_functions_clicked")


def clicked(function: str) -> pl.Expr:
    """Whether the application has a click on a link of this function."""
    return pl.col("click_sequence").list.contains(function)


def responded_within(hours: int) -> pl.Expr:
    """Whether the first click came after the application, and less than so many hours after."""
    response = pl.col("time_to_first_click")
    return (response > timedelta()) & (response < timedelta(hours=hours))


def on_weekend() -> pl.Expr:
    """Whether there was a click on a Sunday (0) or a Saturday (6)."""
    days = pl.col("click_days_of_week")
    return days.list.contains(0) | days.list.contains(6)


ENGAGEMENT = (
    Rule("any engagement", "at least one click", "total_click_events", any_click, 10),
    Rule("LinkedIn viewed", "a click on LinkedIn", "click_sequence", clicked("LinkedIn"), 25),
    Rule("Calendly clicked", "a click on Calendly", "click_sequence", clicked("Calendly"), 40),
    Rule(
        "repeat clicks",
        "5 points for each click beyond the first on its link function, at most 15",
        "total_click_events",
        repeats > 0,
        repeats.clip(upper_bound=3) * 5,
    ),
    Rule(
        "quick response",
        "first click within 4 hours of the application",
        "time_to_first_click",
        responded_within(4),
        30,
    ),
    Rule("weekend click", "a click on a weekend", "click_days_of_week", on_weekend(), 20),
    Rule(
        "several link types",
        "10 points for each link function beyond the first",
        "unique_functions_clicked",
        several_functions,
        (pl.col("unique_functions_clicked") - 1) * 10,
    ),
)

INTENT = (
    Rule(
        "very quick response",
        "first click within 2 hours of the application",
        "time_to_first_click",
        responded_within(2),
        50,
    ),
    Rule(
        "quick response",
        "first click within 8 hours of the application, but not within 2",
        "time_to_first_click",
        responded_within(8) & ~responded_within(2),
        30,
    ),
    Rule(
        "high velocity",
        "more than 2 clicks a day",
        "engagement_velocity",
        clicks_per_day_above(2),
        30,
    ),
    Rule(
        "moderate velocity",
        "more than 1 click a day, but not more than 2",
        "engagement_velocity",
        clicks_per_day_above(1) & ~clicks_per_day_above(2),
        15,
    ),
    Rule("Calendly clicked", "a click on Calendly", "click_sequence", clicked("Calendly"), 40),
    Rule("repeat visits", "more than 3 clicks", "total_click_events",
         pl.col("total_click_events") > 3, 20),
)  # fmt: skip


def scores(metrics: pl.LazyFrame) -> pl.LazyFrame:
    """One row per application: its metrics, `engagement_score` and `intent_score` (0 to 100)."""
    return metrics.with_columns(
        engagement_score=score(ENGAGEMENT),
        intent_score=score(INTENT),
    )
