"""The values that decide whether a rule fires, in words: expressions over one row of metrics."""

from datetime import timedelta

import polars as pl

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ONE_DAY = timedelta(days=1)


def number_of_clicks() -> pl.Expr:
    """4 clicks."""
    return _counted(pl.col("total_click_events"), "click")


def clicks_on(function: str) -> pl.Expr:
    """2 of 4 clicks."""
    sequence = pl.col("click_sequence").cast(pl.List(pl.String))
    on_it = sequence.list.eval(pl.element() == function).list.sum()
    return pl.format("{} of {}", on_it, number_of_clicks())


def clicks_and_functions() -> pl.Expr:
    """4 clicks on 3 link functions."""
    functions = _counted(pl.col("unique_functions_clicked"), "link function")
    return pl.format("{} on {}", number_of_clicks(), functions)


def days_clicked() -> pl.Expr:
    """Clicked on Monday, Saturday."""
    days = pl.col("click_days_of_week").list.eval(pl.lit(pl.Series(DAYS)).gather(pl.element()))
    clicked = pl.format("clicked on {}", days.list.join(", "))
    return pl.when(days.list.len() > 0).then(clicked).otherwise(pl.lit("no clicks"))


def time_of_first_click() -> pl.Expr:
    """3h 59m 59s after it; cut to the second, which crosses no threshold in whole hours."""
    response = pl.col("time_to_first_click")
    return (
        pl.when(response.is_null())
        .then(pl.lit("no response time"))
        .when(response > timedelta())
        .then(pl.format("{} after it", _span(response)))
        .when(response < timedelta())
        .then(pl.format("{} before it", _span(-response)))
        .otherwise(pl.lit("at its very moment, which is no response"))
    )


def velocity() -> pl.Expr:
    """1.5000 a day, 3 clicks in 2d."""
    between = pl.col("time_between_first_last_click").fill_null(timedelta())
    return pl.format(
        "{} a day, {} {}",
        "engagement_velocity",
        number_of_clicks(),
        pl.when(between <= ONE_DAY)
        .then(pl.lit("within a day"))
        .otherwise(pl.format("in {}", _span(between))),
    )


def _counted(number: pl.Expr, noun: str) -> pl.Expr:
    plural = pl.when(number == 1).then(pl.lit("")).otherwise(pl.lit("s"))
    return pl.format("{} {}{}", number, pl.lit(noun), plural)


def _span(span: pl.Expr) -> pl.Expr:
    """A positive span, cut to the second unless it is shorter."""
    seconds = pl.duration(seconds=span.dt.total_seconds())
    return pl.when(seconds > timedelta()).then(seconds).otherwise(span).dt.to_string("polars")
