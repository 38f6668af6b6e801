"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl


def numbered(links: pl.LazyFrame, applications: pl.LazyFrame) -> pl.LazyFrame:
    """The links with `application`, the row number in `applications`, in place of its key; links
    to an application that does not exist are left out."""
    numbers = applications.select(
        application=pl.int_range(pl.len(), dtype=pl.UInt32),
        application_key=pl.col("application_id")
        .str.replace_all("-", "", literal=True)
        .str.decode("hex"),
    )
    return links.join(numbers, on="application_key").drop("application_key")


def attributed(clicks: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """One row per click of an application: `application` (a row number), `clicked_at` (null when
    unusable) and `link_function`. Clicks without a link, or whose link names no existing
    application, are left out."""
    return clicks.join(links, on=["link_key_1", "link_key_2"]).select(
        "application", "clicked_at", "link_function"
    )


def used(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The attributed clicks that are usable: those that metrics count."""
    return clicks.filter(pl.col("clicked_at").is_not_null())
