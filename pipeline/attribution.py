"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl

LINK_KEY = ["link_key_1", "link_key_2"]
APPLICATION_KEY = ["application_key_1", "application_key_2"]


def numbered(links: pl.LazyFrame, applications: pl.LazyFrame) -> pl.LazyFrame:
    """The links with `application`, the row number in `applications`, in place of its key; links
    to an application that does not exist are left out."""
    numbers = applications.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("application"), *APPLICATION_KEY
    )
    return links.join(numbers, on=APPLICATION_KEY).drop(APPLICATION_KEY)


def attributed(clicks: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """One row per click of an application: `application` (a row number), `clicked_at` (null when
    unusable) and `link_function`. Clicks without a link, or whose link names no existing
    application, are left out."""
    return clicks.join(links, on=LINK_KEY).select("application", "clicked_at", "link_function")


def used(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The attributed clicks that are usable: those that metrics count."""
    return clicks.filter(pl.col("clicked_at").is_not_null())
