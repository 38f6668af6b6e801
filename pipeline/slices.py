"""Computes slice by slice, in key order, and holds each slice against what is stored.

No business logic: it strings classes, readings, comparison and audit together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import polars as pl

from pipeline.audit import (
    audit_rows,
    decided_by_machines,
    hours_to_first_click,
    odd_rows,
    shift,
)
from pipeline.captured import Captured
from pipeline.definition import Definition
from pipeline.extract import Extracted
from pipeline.plurals import counted
from pipeline.run_report import Advance, RunReport
from pipeline.scoring.image import marked, rows_to_write
from pipeline.scoring.origins import classified
from pipeline.scoring.readings import both_readings
from pipeline.target import Target
from schema.columns import CLASSES


def scored(extracted: Extracted, definition: Definition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per application, as `scoring.readings.both_readings` gives them, and the clicks that
    they are computed from, as `scoring.origins.classified` does."""
    clicks = classified(extracted.in_order(), definition.clicks)
    rows = both_readings(
        extracted.applications, clicks, definition.time.reporting, definition.clicks.count
    )
    return rows, clicks


class Work(Protocol):
    """What is done with the slices of a computation, wherever that is; a value, which can be sent
    there."""

    def __call__(self, computation: Computation, /) -> Iterator[pl.DataFrame]: ...


@dataclass(kw_only=True)
class AnyComputation(ABC):
    """What is computed from what was read, on this machine or elsewhere; times and counts go into
    the report, and what may be worth a warning into `odd`, `decided` and `first_clicks`; `orphans`
    is how many stored rows have no application, `readings` how many have readings."""

    target: Target
    report: RunReport
    definition: Definition
    thaw: bool = False  # whether frozen applications are computed like the others
    captured: Captured | None = None  # what change capture has told of; None: it is off
    named: pl.Series | None = None  # the applications that it names, where that says something
    odd: Counter[tuple[str, str]] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)  # audit.decided_by_machines
    first_clicks: Counter[int] = field(default_factory=Counter)  # audit.hours_to_first_click
    orphans: int = 0
    readings: int = 0

    @property
    @abstractmethod
    def instants(self) -> pl.Series:
        """When the used clicks were: all instants, or the first and the last."""

    @abstractmethod
    def rows_that_differ(self, advance: Advance, *, every: bool) -> Generator[pl.DataFrame]:
        """Of each slice the rows that differ from what is stored, or every one, audited, as
        `pipeline.scoring.image.rows_to_write` gives them."""

    @abstractmethod
    def frames(self, work: Work) -> Iterator[pl.DataFrame]:
        """The frames that the work gives of the slices."""

    @property
    def lost_readings(self) -> int:
        """How many of all stored readings have neither a row of link_click_analytics nor an
        application; after the last slice."""
        return self.target.lost_readings if self.target.readings > self.readings else 0

    @property
    def frozen_before(self) -> datetime | None:
        """Applications created before this instant keep their stored rows."""
        return None if self.thaw else self.definition.frozen_before(self.report.snapshot_at)

    def begin(self) -> None:
        """Forget what an earlier look at the slices has found."""
        for found in (self.odd, self.decided, self.first_clicks):
            found.clear()
        report = self.report
        report.unchanged = report.frozen = report.with_fewer_clicks = 0
        self.orphans = self.readings = 0
        report.missed_by_capture = None

    def warnings(self) -> Iterator[str]:
        """What is possible but odd about what was computed, one sentence each."""
        for forms, count in (+self.odd).items():
            yield counted(count, *forms)
        if fewer := self.report.with_fewer_clicks:
            have = counted(fewer, "application has", "applications have")
            yield (
                f"{have} fewer clicks than stored: where old clicks are deleted, [applications] "
                "frozen_after_days keeps what is stored"
            )
        if missed := self.report.missed_by_capture:
            rows = counted(missed, "row", "rows")
            yield f"missed by capture: {rows}; `clickstats capture status` says whether it is whole"
        if self.decided["applications"] and self.definition.clicks.count == "all":
            decided = counted(self.decided["applications"], "application", "applications")
            points = counted(self.decided["points"], "point", "points")
            yield (
                f"machine clicks decide the scores of {decided}, which would lose {points} without "
                'them: see application_scores, or [clicks] count = "human"'
            )
        if found := shift(self.first_clicks):
            yield f"{found}: are times local? see [time] clicks and applications of the definition"

    def count(self, marks: pl.DataFrame, application_ids: pl.Series, stored: pl.DataFrame) -> None:
        """Count what `marked` says of a slice, which has these applications and stored rows."""
        self.orphans += stored.height - int(marks["is_stored"].sum())
        self.readings += stored["human_clicks"].count()
        self.report.frozen += int(marks["is_frozen"].sum())
        self.report.with_fewer_clicks += int(marks["has_fewer_clicks"].sum())
        if self.named is not None:
            others = application_ids.filter(marks["is_changed"] | marks["has_other_readings"])
            missed = others.len() - int(others.is_in(self.named.implode()).sum())
            self.report.missed_by_capture = (self.report.missed_by_capture or 0) + missed


@dataclass(kw_only=True)
class Computation(AnyComputation):
    """What is computed on this machine."""

    extracted: Extracted

    @property
    def instants(self) -> pl.Series:
        return self.extracted.clicks["clicked_at"]

    def frames(self, work: Work) -> Iterator[pl.DataFrame]:
        return work(self)

    def beside_stored(self) -> Generator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Of each slice of the applications the rows, as `scored` has them, and the stored ones,
        as `schema.columns.IMAGE`."""
        self.begin()
        classes: Counter[str] = Counter()
        with closing(self.target.rows(self.extracted.ranges())) as stored:
            for part in self.extracted.slices():
                with self.report.timed("compute"):
                    per_application, clicks = scored(part, self.definition)
                    classes.update(dict(clicks["class"].value_counts().iter_rows()))
                self.report.clicks_by_class = {name: classes[name] for name in CLASSES.categories}
                self.odd.update(odd_rows(per_application))
                self.decided.update(decided_by_machines(per_application, self.frozen_before))
                self.first_clicks.update(hours_to_first_click(per_application, self.frozen_before))
                with self.report.timed("compare"):
                    beside = next(stored)
                yield per_application, beside

    def rows_that_differ(self, advance: Advance, *, every: bool) -> Generator[pl.DataFrame]:
        report, done = self.report, 0
        with closing(self.beside_stored()) as slices:
            for per_application, stored in slices:
                with report.timed("compare"):
                    marks = marked(per_application, stored, self.frozen_before)
                    rows = rows_to_write(per_application, marks, every=every)
                with report.timed("audit"):
                    audit_rows(rows)
                self.count(marks, per_application["application_id"], stored)
                report.unchanged += (
                    per_application.height - rows.height - int(marks["is_frozen"].sum())
                )
                done += per_application.height
                advance(done, report.applications)
                yield rows
