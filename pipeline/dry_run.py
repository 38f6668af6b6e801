"""What a `run --all` would do now: everything but the writing, with the right to read alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline.audit import audit_read, audit_rows, warn_of
from pipeline.capture import refuse_unless_on
from pipeline.captured import captured
from pipeline.changed import few
from pipeline.choice import chosen, refuse_to_mix
from pipeline.database.connection import take_snapshot
from pipeline.rewrites import read_steadily
from pipeline.run import DEFAULTS, Options, engine, refuse_part
from pipeline.run_report import RunReport, Show, show_nothing
from pipeline.run_steps import Compute, gathered, here, id_for_changes, reported
from pipeline.scoring.image import VALUES, compared, image
from pipeline.scoring.scores import SCORES
from pipeline.settings import Settings
from pipeline.slices import Computation
from pipeline.zone_data import zone_warnings

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

MOST_MOVERS = 10
MOST_CHANGES = 3  # as biggest_changes.sql
HUMAN = [f"{score}_human" for score in SCORES]


@dataclass(frozen=True)
class DryRun:
    """`report.inserted` and `report.updated` are what would be written, `report.deleted` deleted.

    `columns`: in how many of the updated rows each column would change. `distribution`: one row for
    each band of ten points, with the applications in it before and after, for each score. `movers`:
    the rows whose scores would move most, with both scores before and after.
    """

    report: RunReport
    columns: dict[str, int]
    distribution: pl.DataFrame
    movers: pl.DataFrame


def dry_run(
    settings: Settings,
    options: Options = DEFAULTS,
    show: Show = show_nothing,
    *,
    changed: bool = False,
) -> DryRun:
    """Compute and compare at one snapshot, without a lock and without a row in the ledger: all
    applications, or those that a `run --changed` would compute."""
    with engine(settings) as compute:
        return read_steadily(
            settings,
            lambda reader: _tried(reader, settings, options, compute, show, changed=changed),
        )


@dataclass(frozen=True)
class Comparing:
    """What a dry run says of the rows of each slice, some hundred bytes of each; those that a run
    would write, or `every` one, are audited."""

    every: bool

    def __call__(self, computation: Computation) -> Iterator[pl.DataFrame]:
        report = computation.report
        with closing(computation.beside_stored()) as both:
            for per_application, stored in both:
                with report.timed("compare"):
                    images = image(per_application.lazy().with_row_index("number"))
                    rows = compared(images, stored.lazy(), computation.frozen_before).collect()
                computation.count(rows, rows["application_id"], stored)
                with report.timed("audit"):
                    audit_rows(per_application[rows.filter(is_due(self.every))["number"]])
                gone = stored.join(per_application, on="application_id", how="anti")
                report.deleted += gone.height
                report.readings_deleted += gone["human_clicks"].count()
                yield rows.select(
                    "application_id",
                    "created_at",
                    "is_stored",
                    "is_frozen",
                    "is_changed",
                    "has_other_readings",
                    *(name for score in SCORES for name in (score, f"{score}_stored")),
                    *(pl.col(score, f"{score}_stored").fill_null(0) for score in HUMAN),
                    *(
                        pl.col(name).ne_missing(pl.col(f"{name}_stored")).alias(differs(name))
                        for name in VALUES
                    ),
                    has_readings=pl.col("human_clicks").is_not_null(),
                    had_readings=pl.col("human_clicks_stored").is_not_null(),
                )


def is_due(every: bool) -> pl.Expr:
    """Whether a run would write something of a row, or of `every` one that is not frozen."""
    return (pl.col("is_changed") | pl.col("has_other_readings") | every) & ~pl.col("is_frozen")


def differs(column: str) -> str:
    """The name of the column that says whether another one differs from what is stored."""
    return f"{column}_differs"


def _tried(
    reader: Connection,
    settings: Settings,
    options: Options,
    compute: Compute,
    show: Show,
    *,
    changed: bool,
) -> DryRun:
    snapshot = take_snapshot(reader)
    choice = chosen(reader, settings)
    refuse_part(choice, options)
    report = reported(settings, snapshot, choice)
    named: list[str] = []
    if changed:
        refuse_unless_on(reader)
        refuse_to_mix(choice)
        changes = captured(reader)
        named = few(reader, settings, changes) if changes else []
    computation = gathered(
        snapshot, settings, choice, report, show, here if named else compute, named
    )
    if not named:
        audit_read(report, choice.published, options.max_shrink)
    zones = choice.definition.time
    warn_of(report, zone_warnings(reader, zones, computation.instants))
    with show("compare"):
        rows = pl.concat(computation.frames(Comparing(options.full)))
    report.tell("compute", "applications")
    report.tell("compare", "applications")
    warn_of(report, computation.warnings())
    to_write = rows.filter(is_due(options.full))
    if options.limit is not None:
        report.pending = max(0, to_write.height - options.limit)
        to_write = to_write.sort("created_at", "application_id", nulls_last=True)
        to_write = to_write.head(options.limit)
    written = to_write.filter(pl.col("is_changed") | options.full)
    updates = written.filter("is_stored")
    report.updated, report.inserted = updates.height, written.height - updates.height
    report.unchanged = report.applications - written.height - report.pending - report.frozen
    other_readings = to_write.filter(pl.col("has_other_readings") | options.full)
    report.readings_written = int(other_readings["has_readings"].sum())
    report.readings_deleted += 0 if named else computation.lost_readings
    report.readings_deleted += other_readings.filter(~pl.col("has_readings"), "had_readings").height
    if not choice.is_new and id_for_changes(settings, computation.target, choice):
        moved = _moved(to_write.filter(pl.col("is_stored") | (not choice.leaves_rows)))
        report.score_changes = moved.height
        report.biggest_changes = moved.head(MOST_CHANGES).to_dicts()
    return DryRun(report, _columns(updates), _distribution(rows, to_write), _movers(updates))


def _columns(updates: pl.DataFrame) -> dict[str, int]:
    changed = {name: int(updates[differs(name)].sum()) for name in VALUES}
    return {name: count for name, count in changed.items() if count}


def _distribution(rows: pl.DataFrame, to_write: pl.DataFrame) -> pl.DataFrame:
    written = rows["application_id"].is_in(to_write["application_id"].implode())
    bands = pl.DataFrame({"band": range(0, 100, 10)})
    for score in SCORES:
        stored = pl.col(f"{score}_stored")
        after = pl.when(written).then(pl.col(score)).otherwise(stored)
        for name, value in (("before", stored), ("after", after)):
            band = (value // 10 * 10).clip(upper_bound=90).cast(pl.Int64).alias("band")
            counts = rows.group_by(band).agg(pl.len().alias(f"{score}_{name}"))
            bands = bands.join(counts, on="band", how="left", maintain_order="left")
    return bands.fill_null(0)


def _moved(to_write: pl.DataFrame) -> pl.DataFrame:
    """How scores of human clicks would move, most of all first, as biggest_changes.sql has it."""
    moves = [(pl.col(score) - pl.col(f"{score}_stored")).abs() for score in HUMAN]
    before_and_after = [
        pl.col(f"{score}_human{suffix}").alias(f"{score}{name}")
        for score in SCORES
        for suffix, name in (("_stored", "_before"), ("", ""))
    ]
    return (
        to_write.with_columns(move=pl.sum_horizontal(moves))
        .filter(pl.col("move") > 0)
        .sort("move", "application_id", descending=[True, False])
        .select("application_id", *before_and_after)
    )


def _movers(updates: pl.DataFrame) -> pl.DataFrame:
    moves = [(pl.col(score) - pl.col(f"{score}_stored").fill_null(0)).abs() for score in SCORES]
    pairs = [name for score in SCORES for name in (f"{score}_stored", score)]
    return (
        updates.with_columns(move=pl.sum_horizontal(moves))
        .filter(pl.col("move") > 0)
        .sort("move", "application_id", descending=[True, False])
        .head(MOST_MOVERS)
        .select("application_id", *pairs)
    )
