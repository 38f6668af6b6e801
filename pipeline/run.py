"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from pipeline.attribution import used
from pipeline.audit import audit, audit_named, audit_written
from pipeline.compare import rows_to_write
from pipeline.database import (
    Snapshot,
    commit,
    interruptible,
    server_errors,
    session,
    take_snapshot,
)
from pipeline.extract import Extracted, Source
from pipeline.ledger import last_published, ledger
from pipeline.load import write
from pipeline.lock import hold_gate_alone, hold_gate_shared, take_run_lock
from pipeline.metrics import metrics
from pipeline.outcome import Advance, Report, Show, no_advance, show_nothing
from pipeline.scores import scores
from pipeline.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

log = logging.getLogger("clickstats")


@dataclass(frozen=True)
class Options:
    """What the user may decide about a `run --all`."""

    limit: int | None = None  # write at most so many rows; the rest stays pending
    full: bool = False  # write every row, changed or not
    wait: int = 0  # seconds to wait for another run
    max_shrink: float = 50  # percent that applications and clicks may fall by; 100: any
    keep_days: int = 400  # how long runs stay in the ledger


DEFAULTS = Options()


def scored(extracted: Extracted, timezone: str) -> pl.LazyFrame:
    """One row per application: `created_at`, every metric and both scores."""
    return scores(metrics(extracted.applications, used(extracted.clicks), timezone))


def run_all(settings: Settings, options: Options = DEFAULTS, show: Show = show_nothing) -> Report:
    """Compute every application from one snapshot and write the rows that differ.

    Raises `Locked`, `AuditFailed` and what the server says; nothing is written then.
    """
    started = perf_counter()
    with (
        session(settings) as writer,
        ledger(writer, settings, "run --all", asdict(options), options.keep_days) as row,
        server_errors(),
    ):
        with show("lock"):
            interruptible(writer, lambda: take_run_lock(writer, options.wait))
        with snapshot_behind_gate(settings) as snapshot:
            report = row.report = Report(settings.run_id, snapshot.taken_at, settings.timezone)
            source = Source(snapshot, settings)
            per_application = gathered(source, report, show)
            with report.phase("compare", "unchanged", show):
                rows, report.pending = rows_to_write(
                    per_application, source.stored, every=options.full, limit=options.limit
                )
                report.unchanged = report.applications - rows.height - report.pending
        with report.phase("audit", "applications", show):
            before = interruptible(writer, lambda: last_published(writer))
            audit(report, per_application, rows, before, options.max_shrink)
        with report.phase("write", "written", show) as advance:
            write_audited(writer, per_application, rows, report, advance)
        report.seconds["total"] = perf_counter() - started
        interruptible(writer, lambda: row.publish(writer))
        commit(writer)
    return report


def gathered(source: Source, report: Report, show: Show) -> pl.DataFrame:
    """Every application as `scored` has it; what there was to read goes into the report."""
    with report.phase("read", "clicks_read", show):
        extracted = source.extract()
        count_clicks(report, extracted)
        report.rows_without_application = source.rows_without_application()
    with report.phase("compute", "applications", show):
        per_application = pl.concat(
            scored(some, report.timezone).collect() for some in extracted.slices()
        )
        count_applications(report, per_application)
    return per_application


def run_named(
    settings: Settings, application_ids: Sequence[str], keep_days: int = DEFAULTS.keep_days
) -> tuple[pl.DataFrame, list[str]]:
    """Compute and write the named applications, and confirm them when nothing changed.

    Returns their rows (`schema.columns.ANALYTICS`) in the order given, and the ids that name no
    application.
    """
    started = perf_counter()
    options = {"app_id": list(application_ids)}
    with (
        session(settings) as writer,
        ledger(writer, settings, "run --app-id", options, keep_days) as row,
        server_errors(),
    ):
        interruptible(writer, lambda: hold_gate_shared(writer, application_ids))
        with session(settings, snapshot=True) as reader:
            snapshot = take_snapshot(reader)
            report = row.report = Report(settings.run_id, snapshot.taken_at, settings.timezone)
            source = Source(snapshot, settings, application_ids)
            extracted = source.extract()
            count_clicks(report, extracted)
            per_application = scored(extracted, settings.timezone).collect()
            count_applications(report, per_application)
            rows, _ = rows_to_write(per_application, source.stored, every=True)
        audit_named(per_application)
        write_audited(writer, per_application, rows, report)
        report.seconds["total"] = perf_counter() - started
        interruptible(writer, lambda: row.publish(writer))
        commit(writer)
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.drop("created_at"), unknown["application_id"].to_list()


@contextmanager
def snapshot_behind_gate(settings: Settings) -> Iterator[Snapshot]:
    """A snapshot taken while no `run --app-id` lies between its own snapshot and its commit."""
    with ExitStack() as reading:
        with session(settings) as gatekeeper:
            interruptible(gatekeeper, lambda: hold_gate_alone(gatekeeper))
            reader = reading.enter_context(session(settings, snapshot=True))
            snapshot = take_snapshot(reader)
        yield snapshot


def count_clicks(report: Report, extracted: Extracted) -> None:
    """What was read."""
    report.clicks_read = extracted.clicks_read
    report.clicks_unusable = extracted.clicks_unusable
    report.clicks_in_future = extracted.clicks_in_future


def count_applications(report: Report, per_application: pl.DataFrame) -> None:
    """How many applications there are, and what became of the usable clicks."""
    counted = pl.col("total_click_events").cast(pl.Int64).sum()
    report.applications, report.clicks_used = per_application.select(pl.len(), counted).row(0)
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable


def write_audited(
    writer: Connection,
    per_application: pl.DataFrame,
    rows: pl.DataFrame,
    report: Report,
    advance: Advance = no_advance,
) -> None:
    """Write the rows, count what became of them, and see that none is missing."""
    written = interruptible(
        writer, lambda: write(writer, per_application, rows, report.snapshot_at, advance)
    )
    report.inserted, report.updated = written.inserted, written.updated
    report.newer, report.gone = written.newer, written.gone
    audit_written(rows.height, written)
