"""Whose click is it? Clicks and links go in, the clicks of each application come out."""

import polars as pl

from schema.columns import INSTANT

# a key has 74 bits; so much of a number of 128 bits is free for what stands below it
FREE = 2**54
# so many links are sorted by Polars' streaming engine, which takes less memory (decision 0062)
MANY = 10_000_000


def key(bits_64: pl.Expr, bits_10: pl.Expr) -> pl.Expr:
    """A key as one number of 128 bits, with nothing below it yet."""
    return bits_64.cast(pl.Int128) * 2**64 + bits_10.cast(pl.Int128) * FREE


def index(keys: pl.Series) -> pl.Series:
    """The keys in their order, each with its row number below it: for `looked_up`. Where nobody
    else has the keys, they are gone before these are sorted."""
    entries = keys.to_frame("key").select(pl.col("key") + pl.int_range(pl.len()))
    del keys
    return entries.to_series().sort()


def has_duplicates(index: pl.Series) -> bool:
    """Whether a key is there more than once."""
    key = pl.first() // FREE
    return bool(index.to_frame().select((key == key.shift()).any()).item())


def looked_up(wanted: pl.Series, index: pl.Series) -> pl.DataFrame:
    """One row for each of the wanted keys that the index has, in their order: `number`, its row
    number there, and `below`, what stands below it here.

    What is sorted is found four times as fast, and without a hash table.
    """
    found = wanted.sort().to_frame("wanted").with_columns(key=pl.col("wanted") // FREE * FREE)
    entries = index.gather(index.search_sorted(found["key"], side="left"), null_on_oob=True)
    return (
        found.select(number=entries - pl.col("key"), below=pl.col("wanted") - pl.col("key"))
        .filter(pl.col("number").is_between(0, FREE - 1))
        .cast({"number": pl.UInt32, "below": pl.Int64})
    )


def instant(packed: pl.Expr) -> pl.Expr:
    """When a click was, of `packed` in `schema.columns.CLICKS`: UTC, null when unusable."""
    time = packed & (2**52 - 1)
    return pl.when(time < 2**52 - 1).then(time).cast(INSTANT)


def numbered(links: pl.DataFrame, applications: pl.Series) -> pl.DataFrame:
    """One row per link of an application: `link_key`, `link_function` and `application`, its row
    number. `applications` is the `index` of their keys. Links to an application that does not exist
    are left out."""
    keys_2 = pl.col("keys_2")
    wanted = links.select(key(pl.col("application_key_1"), keys_2 % 2**10) + pl.int_range(pl.len()))
    found = looked_up(wanted.to_series(), applications)
    return links.select(
        pl.col("link_function").gather(found["below"]),
        link_key=key(pl.col("link_key_1"), keys_2 // 2**10).gather(found["below"]),
        application=found["number"],
    )


def in_link_order(links: pl.DataFrame) -> pl.DataFrame:
    """The links by application, then by `link_function` (an Enum) in byte order: the order of
    their row numbers is then the order in which clicks of one instant count. Takes the columns out
    of `links`, one by one: all of them twice may be the most memory that a run needs."""
    of_each = pl.col("application", "link_function").to_physical().cast(pl.UInt64)
    applications, functions = links.select(of_each.max().fill_null(0) + 1).row(0)
    whole = pl.UInt64 if applications * functions * links.height <= 2**64 else pl.UInt128
    pair = pl.col("application").cast(whole) * functions + pl.col("link_function").to_physical()
    # with the row number below it: plain numbers are sorted with less time and memory than places
    entry = pair * links.height + pl.col("index")
    rows = (
        links.lazy()
        .with_row_index()
        .select(entry=entry)
        .sort("entry")
        .select((pl.col("entry") % links.height).cast(pl.UInt32))
        .collect(engine="streaming" if links.height >= MANY else "in-memory")
        .to_series()
        .rechunk()
    )
    # in one piece each, or a gather from many parts takes twice as long
    return pl.DataFrame(
        [links.drop_in_place(name).rechunk().gather(rows) for name in links.columns]
    )


def attributed(clicks: pl.DataFrame, links: pl.Series) -> pl.DataFrame:
    """One row per click of an application: `link` (a row number), `clicked_at` and `mark` (what the
    click itself says of where it comes from: `scoring.origins.MARKS`). `clicks` as
    `schema.columns.CLICKS`; `links` is the `index` of their keys. Clicks without a link, or whose
    link names no existing application, are left out."""
    wanted = clicks.drop_nulls("link_key_1").select(
        pl.col("link_key_1").cast(pl.Int128) * 2**64 + pl.col("packed").reinterpret(signed=False)
    )
    return looked_up(wanted.to_series(), links).select(
        link="number",
        clicked_at=instant(pl.col("below")),
        mark=(pl.col("below") // 2**52).cast(pl.UInt8),
    )


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
