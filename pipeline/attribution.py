"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl


def used_clicks(
    clicks: pl.LazyFrame, links: pl.LazyFrame, applications: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per used click: `application` (the row of `applications`), `clicked_at`,
    `link_function`.

    Unusable clicks (no `clicked_at`) and unattributed ones (no link, or a link to an application
    that does not exist) are left out.
    """
    return attributed_clicks(clicks.filter(pl.col("clicked_at").is_not_null()), links, applications)


def attributed_clicks(
    clicks: pl.LazyFrame, links: pl.LazyFrame, applications: pl.LazyFrame
) -> pl.LazyFrame:
    """The same, with the unusable clicks of the applications."""
    numbered = applications.select(
        application=pl.int_range(pl.len(), dtype=pl.UInt32),
        application_key=pl.col("application_id")
        .str.replace_all("-", "", literal=True)
        .str.decode("hex"),
    )
    attributable = links.join(numbered, on="application_key")
    return clicks.join(attributable, on=["link_key_1", "link_key_2"]).select(
        "application", "clicked_at", "link_function"
    )
