"""Computes slice by slice, in key order, and holds each slice against what is stored.

No business logic: it strings metrics, scores, comparison and audit together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field

import polars as pl

from pipeline.audit import audit_rows, odd_rows
from pipeline.extract import Extracted
from pipeline.run_report import Advance, RunReport
from pipeline.scoring.attribution import used
from pipeline.scoring.image import rows_to_write
from pipeline.scoring.metrics import metrics
from pipeline.scoring.scores import scores
from pipeline.target import Target


def scored(extracted: Extracted, timezone: str) -> pl.LazyFrame:
    """One row per application: `created_at`, every metric and both scores."""
    clicks = used(extracted.clicks.lazy())
    return scores(metrics(extracted.applications.lazy(), clicks, timezone, extracted.first))


@dataclass
class Computation:
    """What is computed from what was read; times and counts go into the report, and what is odd
    about the rows into `odd`."""

    target: Target
    extracted: Extracted
    report: RunReport
    odd: Counter[str] = field(default_factory=Counter)

    def beside_stored(self) -> Generator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Of each slice of the applications the rows, as `scored` has them, and the stored ones,
        as `schema.columns.IMAGE`."""
        self.odd.clear()
        with closing(self.target.rows(self.extracted.ranges())) as stored:
            for part in self.extracted.slices():
                with self.report.timed("compute"):
                    per_application = scored(part, self.report.timezone).collect()
                self.odd.update(odd_rows(per_application))
                with self.report.timed("compare"):
                    beside = next(stored)
                yield per_application, beside

    def rows_that_differ(self, advance: Advance, *, every: bool) -> Generator[pl.DataFrame]:
        """Of each slice the rows that differ from what is stored, or every one, audited, as
        `pipeline.scoring.image.rows_to_write` gives them."""
        self.report.unchanged = done = 0
        with closing(self.beside_stored()) as slices:
            for per_application, stored in slices:
                with self.report.timed("compare"):
                    rows = rows_to_write(per_application, stored, every=every)
                with self.report.timed("audit"):
                    audit_rows(rows)
                self.report.unchanged += per_application.height - rows.height
                done += per_application.height
                advance(done, self.report.applications)
                yield rows
