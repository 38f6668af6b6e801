"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import polars as pl

from pipeline.attribution import used_clicks
from pipeline.audit import audit
from pipeline.database import interruptible, server_errors, session, take_snapshot
from pipeline.extract import Extracted, extract_all, extract_named
from pipeline.ledger import last_published, ledger
from pipeline.load import Written, image, rows_to_write, write
from pipeline.lock import hold_gate_alone, hold_gate_shared, take_run_lock
from pipeline.metrics import metrics
from pipeline.outcome import Report, Show, show_nothing
from pipeline.scores import scores
from pipeline.settings import Settings


@dataclass(frozen=True)
class Options:
    """What the user may decide about a `run --all`."""

    limit: int | None = None  # write at most so many rows; the rest stays pending
    full: bool = False  # write every row, changed or not
    wait: float = 0  # seconds to wait for another run
    max_shrink: float = 50  # percent that applications and clicks may fall by; 100: any
    keep_days: int = 400  # how long runs stay in the ledger


DEFAULTS = Options()


def scored(extracted: Extracted, timezone: str) -> pl.LazyFrame:
    """One row per application: `created_at`, every metric and both scores."""
    clicks = used_clicks(extracted.clicks, extracted.links, extracted.applications)
    return scores(metrics(extracted.applications, clicks, timezone))


def run_all(settings: Settings, options: Options = DEFAULTS, show: Show = show_nothing) -> Report:
    """Compute every application from one snapshot and write the rows that differ.

    Raises `Locked`, `AuditFailed` and what the server says; nothing is written then.
    """
    started = perf_counter()
    with (
        session(settings) as writer,
        ledger(settings, "run --all", asdict(options), options.keep_days) as row,
    ):
        with show("lock"), server_errors():
            interruptible(writer, lambda: take_run_lock(writer, options.wait))
        with session(settings, snapshot=True) as reader:
            with session(settings) as gatekeeper:
                hold_gate_alone(gatekeeper)
                snapshot = take_snapshot(reader)
            report = Report(settings.run_id, snapshot.taken_at, settings.timezone)
            with report.phase("read", "clicks_read", show):
                extracted = extract_all(snapshot, settings)
                count_clicks(report, extracted)
        with report.phase("compute", "applications", show):
            per_application = scored(extracted, settings.timezone).collect()
            count_applications(report, per_application)
        with report.phase("compare", "unchanged", show):
            rows, report.pending = rows_to_write(
                image(per_application.lazy()),
                extracted.stored,
                every=options.full,
                limit=options.limit,
            )
            report.unchanged = report.applications - rows.height - report.pending
        with report.phase("audit", "applications", show):
            before = last_published(writer)
            tables = (extracted.clicks, per_application.lazy(), rows.lazy())
            audit(report, *tables, before, options.max_shrink)
        del extracted, per_application, tables  # before the rows to write are copied
        with report.phase("write", "updated", show) as advance, server_errors():
            count_written(
                report,
                interruptible(writer, lambda: write(writer, rows, snapshot.taken_at, advance)),
            )
        report.seconds["total"] = perf_counter() - started
        row.publish(writer, asdict(report), report.warnings)
        writer.commit()
    return report


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
        ledger(settings, "run --app-id", options, keep_days) as row,
        session(settings, snapshot=True) as reader,
    ):
        with server_errors():
            interruptible(writer, lambda: hold_gate_shared(writer, application_ids))
        snapshot = take_snapshot(reader)
        report = Report(settings.run_id, snapshot.taken_at, settings.timezone)
        extracted = extract_named(snapshot, application_ids)
        per_application = scored(extracted, settings.timezone).collect()
        count_clicks(report, extracted)
        count_applications(report, per_application)
        rows, _ = rows_to_write(image(per_application.lazy()), extracted.stored, every=True)
        with server_errors():
            count_written(
                report, interruptible(writer, lambda: write(writer, rows, snapshot.taken_at))
            )
        report.seconds["total"] = perf_counter() - started
        row.publish(writer, asdict(report), report.warnings)
        writer.commit()
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.drop("created_at"), unknown["application_id"].to_list()


def count_clicks(report: Report, extracted: Extracted) -> None:
    """How many clicks were read, and how many of them are unusable."""
    clicks = extracted.clicks.select(
        read=pl.len(), unusable=pl.col("clicked_at").null_count()
    ).collect()
    report.clicks_read, report.clicks_unusable = clicks.row(0)
    report.rows_without_application = extracted.rows_without_application


def count_applications(report: Report, per_application: pl.DataFrame) -> None:
    """How many applications there are, and what became of the usable clicks."""
    used = pl.col("total_click_events").cast(pl.Int64).sum()
    report.applications, report.clicks_used = per_application.select(pl.len(), used).row(0)
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable


def count_written(report: Report, written: Written) -> None:
    """What was written."""
    report.inserted, report.updated = written.inserted, written.updated
    report.newer, report.gone = written.newer, written.gone
