"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl

from schema.columns import INSTANT


def key(bits_64: pl.Expr, bits_12: pl.Expr) -> pl.Expr:
    """A key of 76 bits as one number: joined in half the time of two columns."""
    return bits_64.cast(pl.Int128) * 2**12 + bits_12


def unpacked(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """One row per click, of `schema.columns.CLICKS`: `link_key`, `mark` (what the click itself says
    of where it comes from: `scoring.origins.MARKS`) and `clicked_at` (UTC, null when unusable)."""
    packed = pl.col("packed").reinterpret(signed=False)
    clicked_at = packed % 2**52
    return clicks.select(
        link_key=key(pl.col("link_key_1"), packed // 2**54),
        mark=(packed // 2**52 % 4).cast(pl.UInt8),
        clicked_at=pl.when(clicked_at < 2**52 - 1).then(clicked_at).cast(pl.Int64).cast(INSTANT),
    )


def numbered(links: pl.LazyFrame, applications: pl.LazyFrame) -> pl.LazyFrame:
    """One row per link of an application: `link_key`, `link_function` and `application`, its row
    number in `applications`. Links to an application that does not exist are left out."""
    numbers = applications.select(
        application_key=key(pl.col("application_key_1"), pl.col("application_key_2")),
        application=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    keys_2 = pl.col("keys_2")
    return (
        links.select(
            link_key=key(pl.col("link_key_1"), keys_2 // 2**12),
            application_key=key(pl.col("application_key_1"), keys_2 % 2**12),
            link_function="link_function",
        )
        .join(numbers, on="application_key")
        .drop("application_key")
    )


def in_link_order(links: pl.DataFrame) -> pl.DataFrame:
    """The links by application, then by `link_function` (an Enum) in byte order, with `link`, their
    row number: the order of the numbers is then the order in which clicks of one instant count."""
    order = pl.col("application").cast(pl.UInt64) * 2**32 + pl.col("link_function").to_physical()
    # sorted once, not each column by itself
    rows = links.select(order.arg_sort()).to_series()
    return links.select(pl.all().gather(rows)).with_row_index("link")


def attributed(clicks: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """One row per click of an application: `link` (a row number), `clicked_at` and `mark`. `clicks`
    as `unpacked`, `links` as `in_link_order` gives them. Clicks without a link, or whose link names
    no existing application, are left out."""
    return clicks.join(links.select("link_key", "link"), on="link_key").drop("link_key")


def used(clicks: pl.LazyFrame) -> pl.LazyFrame:
    """The attributed clicks that are usable: those that metrics count."""
    return clicks.filter(pl.col("clicked_at").is_not_null())


def in_order(clicks: pl.LazyFrame, links: pl.DataFrame, first: int = 0) -> pl.LazyFrame:
    """The used clicks by application, then `clicked_at`, then `link_function` in byte order:
    `application`, `clicked_at`, `link_function`, `link` and `mark`.

    `links` as `in_link_order` gives them: all, or those from number `first` on. All is packed into
    one whole number of 128 bits (40, 52, 34 and 2), sorted and unpacked: five times as fast as
    sorting by columns. `docs/performance.md` has the figures.
    """
    number = pl.col("link") - first
    sorted_key = pl.col("key")
    link = (sorted_key // 4 % 2**34).cast(pl.UInt32)
    return (
        clicks.select(
            key=pl.lit(links["application"]).gather(number).cast(pl.UInt128) * 2**88
            + pl.col("clicked_at").to_physical().cast(pl.UInt128) * 2**36
            + number.cast(pl.UInt128) * 4
            + pl.col("mark").cast(pl.UInt128)
        )
        .select(sorted_key.sort())
        .select(
            application=(sorted_key // 2**88).cast(pl.UInt32).set_sorted(),
            clicked_at=(sorted_key // 2**36 % 2**52).cast(pl.Int64).cast(INSTANT),
            link_function=pl.lit(links["link_function"]).gather(link),
            link=link + first,
            mark=(sorted_key % 4).cast(pl.UInt8),
        )
    )
