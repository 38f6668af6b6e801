"""Where does a click come from? Gives each used click a class (SPEC, Which clicks are human).

Pure: no database, no clock. Clicks go in as `scoring.attribution.in_order` gives them. A class
depends on the clicks of the same application that are close in time, so only clicks with a close
neighbour are looked at in detail: they are few.
"""

from datetime import timedelta
from typing import Protocol

import polars as pl

from schema.columns import CLASSES

MARKS = ("human", "declared", "network", "own")  # what a click itself says: schema/sql/clicks.sql
IS_HUMAN = pl.col("class") == "human"


class Thresholds(Protocol):
    """The part of a definition that decides (`pipeline.definition.Clicks`)."""

    @property
    def trap_functions(self) -> tuple[str, ...]: ...
    @property
    def sweep_links(self) -> int: ...
    @property
    def sweep_seconds(self) -> int: ...
    @property
    def repeat_seconds(self) -> int: ...


def classified(clicks: pl.LazyFrame, rules: Thresholds) -> pl.DataFrame:
    """The clicks in their order, with `class`, as `schema.columns.CLASSES`."""
    near = timedelta(seconds=max(rules.sweep_seconds, rules.repeat_seconds))
    close = _is_neighbour() & (pl.col("clicked_at").diff() <= near)
    trap = pl.col("link_function").cast(pl.String).is_in(rules.trap_functions)
    marked = clicks.with_columns(
        pl.lit(pl.Series(MARKS, dtype=CLASSES)).gather(pl.col("mark")).alias("class"),
        is_detailed=close | close.shift(-1, fill_value=False),
        is_trap=trap if rules.trap_functions else pl.lit(False),
    ).collect()
    detailed = marked["is_detailed"] | marked["is_trap"]
    classes = marked["class"]
    if detailed.any():
        found = in_detail(marked.filter(detailed), rules)
        classes = (
            classes.to_physical().scatter(detailed.arg_true(), found.to_physical()).cat.to(CLASSES)
        )
    return marked.with_columns(classes).drop("is_detailed", "is_trap")


def in_detail(clicks: pl.DataFrame, rules: Thresholds) -> pl.Series:
    """The class of each of these clicks, among which are all that may decide about another one."""
    claimed = clicks.with_columns(
        pl.when(is_trapped(rules))
        .then(pl.lit("trap", CLASSES))
        .when(IS_HUMAN & is_sweep(clicks, rules))
        .then(pl.lit("sweep", CLASSES))
        .otherwise("class")
        .alias("class")
    )
    return claimed.select(
        pl.when(is_repeat(claimed, rules)).then(pl.lit("repeat", CLASSES)).otherwise("class")
    ).to_series()


def is_trapped(rules: Thresholds) -> pl.Expr:
    """Whether a click is on a trap, or close to a click on a trap of the same application."""
    reach = timedelta(seconds=rules.sweep_seconds)
    of, at = (pl.when("is_trap").then(name) for name in ("application", "clicked_at"))
    return pl.any_horizontal(
        (nearest_of == pl.col("application")) & ((nearest - pl.col("clicked_at")).abs() <= reach)
        for nearest_of, nearest in (
            (of.forward_fill(), at.forward_fill()),
            (of.backward_fill(), at.backward_fill()),
        )
    ).fill_null(False)


def is_sweep(clicks: pl.DataFrame, rules: Thresholds) -> pl.Series:
    """Whether a click lies in a stretch of `sweep_seconds` with `sweep_links` different links."""
    span = timedelta(seconds=rules.sweep_seconds)
    latest = clicks.select("application", "clicked_at", latest=pl.col("clicked_at") + span)
    if rules.sweep_links == 0:
        return latest.select(pl.repeat(False, pl.len())).to_series()
    stretches = shortest_stretches(clicks, rules.sweep_links)
    # a stretch that ends later also starts later: so of those that end soon enough to be within the
    # span of the click, the last one is looked at
    return (
        latest.join_asof(
            stretches.filter(pl.col("end") - pl.col("start") <= span),
            left_on="latest",
            right_on="end",
            by="application",
            check_sortedness=False,
        )
        .select((pl.col("start") >= pl.col("clicked_at") - span).fill_null(False))
        .to_series()
    )


def shortest_stretches(clicks: pl.DataFrame, links: int) -> pl.DataFrame:
    """For each click the shortest stretch that ends with it and holds clicks on so many different
    links: `application`, `start` and `end`; null where there is none.

    For each click and each n, the place of the last click on the n-th most recent link follows from
    those of the click before: a link that was not among the n-1 most recent ones pushes them on.
    """
    row, before = pl.int_range(pl.len()), pl.col("place").shift()
    frame = clicks.select(
        "application",
        "clicked_at",
        place=row,
        same_link=before_on_link(clicks),
        first=pl.when(~_is_neighbour()).then(row).forward_fill(),  # of the application
    )
    for _ in range(links - 1):
        is_new = (pl.col("same_link") < before) & (before >= pl.col("first"))
        frame = frame.with_columns(place=pl.when(is_new).then(before).forward_fill())
    place = pl.when(pl.col("place") >= pl.col("first")).then("place")
    return frame.select(
        "application", start=pl.col("clicked_at").gather(place), end=pl.col("clicked_at")
    )


def is_repeat(clicks: pl.DataFrame, rules: Thresholds) -> pl.Series:
    """Whether a click that no class claims comes soon after another such click on its link."""
    span = timedelta(seconds=rules.repeat_seconds)
    unclaimed = clicks["class"] == "human"
    found = clicks.filter(unclaimed).with_columns(before=before_on_link(clicks.filter(unclaimed)))
    at, before = pl.col("clicked_at"), pl.col("before")
    is_soon = found.select((before >= 0) & (at - at.gather(before.clip(0)) <= span)).to_series()
    return pl.repeat(False, clicks.height, eager=True).scatter(unclaimed.arg_true(), is_soon)


def before_on_link(clicks: pl.DataFrame) -> pl.Series:
    """For each click the row of the click before it on the same link, -1 where there is none. Sorts
    by link and row, packed: a window over each of many links takes ten times as long."""
    packed = pl.col("packed")
    link, row = packed // 2**32, (packed % 2**32).cast(pl.Int64)
    return (
        clicks.lazy()
        .select(packed=pl.col("link").cast(pl.UInt64) * 2**32 + pl.int_range(pl.len()))
        .select(packed.sort())
        .select(row=row, before=pl.when(link == link.shift()).then(row.shift()).otherwise(-1))
        .sort("row")
        .collect()["before"]
    )


def _is_neighbour() -> pl.Expr:
    """Whether a click belongs to the application of the click before it."""
    return (pl.col("application") == pl.col("application").shift()).fill_null(False)
