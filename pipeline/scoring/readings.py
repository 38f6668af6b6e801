"""Both readings of each application: of all its used clicks, and of the human ones alone."""

import polars as pl

from pipeline.scoring.metrics import metrics
from pipeline.scoring.origins import IS_HUMAN
from pipeline.scoring.scores import SCORES, human_rules, scores
from schema.columns import MACHINE, READINGS

NUMBER = "application"
# what of a reading goes into link_click_readings
COMPARED = [NUMBER, "total_click_events", "first_click", "last_click", "human_rules", *SCORES]


def both_readings(
    applications: pl.DataFrame, clicks: pl.DataFrame, timezone: str, count: str
) -> pl.DataFrame:
    """One row per application, in the order of `applications`: `created_at`, every metric and both
    scores of the clicks that count ("all" or "human"), and the columns of
    `schema.columns.READINGS`, null without a used click.

    `applications` as `scoring.metrics.metrics` takes them, `clicks` as
    `scoring.origins.classified` gives them. Most applications have human clicks only: both readings
    are the same then, and computed once.
    """
    of_all = _scored(applications, clicks, timezone)
    mixed = clicks.lazy().filter(~IS_HUMAN).select(NUMBER).unique().collect()
    rows, of_human = of_all, of_all.select(COMPARED)
    if not mixed.is_empty():
        of_mixed = _scored(
            applications.join(mixed, on=NUMBER, how="semi", maintain_order="left"),
            clicks.filter(IS_HUMAN).join(mixed, on=NUMBER, how="semi", maintain_order="left"),
            timezone,
        )
        of_human = _in_place(of_mixed.select(COMPARED), of_human)
        rows = _in_place(of_mixed, of_all) if count == "human" else of_all
    return rows.drop(NUMBER, "first_click", "last_click", "human_rules").hstack(
        _readings(of_all, of_human, clicks)
    )


def _in_place(some: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, in their order, some of them replaced."""
    return pl.concat([rows.join(some, on=NUMBER, how="anti"), some]).sort(NUMBER)


def _scored(applications: pl.DataFrame, clicks: pl.DataFrame, timezone: str) -> pl.DataFrame:
    rows = scores(metrics(applications.lazy(), clicks.lazy(), timezone))
    return rows.with_columns(human_rules=human_rules()).collect()


def _readings(of_all: pl.DataFrame, of_human: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """The columns of `schema.columns.READINGS`, beside the rows of both readings."""
    kind = pl.col("class")
    counts = (
        clicks.lazy()
        .filter(~IS_HUMAN)
        .group_by(NUMBER)
        .agg(
            machine_clicks=kind.is_in(MACHINE).sum(),
            own_clicks=(kind == "own").sum(),
            repeated_clicks=(kind == "repeat").sum(),
        )
        .collect()
    )
    counted = of_all.select(NUMBER).join(counts, on=NUMBER, how="left", maintain_order="left")
    columns = {name: counted[name].fill_null(0) for name in counts.columns if name != NUMBER}
    columns |= {
        "human_clicks": of_human["total_click_events"],
        "first_human_click": of_human["first_click"],
        "last_human_click": of_human["last_click"],
        "human_rules": of_human["human_rules"],
    }
    for score in SCORES:
        columns |= {f"{score}_all": of_all[score], f"{score}_human": of_human[score]}
    has_clicks = of_all["total_click_events"] > 0
    return pl.DataFrame(columns).select(
        pl.when(has_clicks).then(pl.col(name).cast(dtype)).alias(name)
        for name, dtype in READINGS.items()
    )
