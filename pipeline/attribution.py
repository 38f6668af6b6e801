"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl


def key(name: str) -> pl.Expr:
    """A key that was read in two halves, as one number: joined in half the time of two columns."""
    return (pl.col(f"{name}_1").cast(pl.Int128) * 2**64 + pl.col(f"{name}_2")).alias(name)


def numbered(links: pl.LazyFrame, applications: pl.LazyFrame) -> pl.LazyFrame:
    """One row per link of an application: `link_key`, `link_function` and `application`, its row
    number in `applications`. Links to an application that does not exist are left out."""
    numbers = applications.select(
        key("application_key"), application=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    return (
        links.select(key("link_key"), key("application_key"), "link_function")
        .join(numbers, on="application_key")
        .drop("application_key")
    )


def attributed(clicks: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """One row per click of an application: `application` (a row number), `clicked_at` (null when
    unusable) and `link_function`. `links` as `numbered` gives them. Clicks without a link, or whose
    link names no existing application, are left out."""
    return (
        clicks.select(key("link_key"), "clicked_at")
        .join(links, on="link_key")
        .select("application", "clicked_at", "link_function")
    )


def used(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The attributed clicks that are usable: those that metrics count."""
    return clicks.filter(pl.col("clicked_at").is_not_null())
