"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from time import perf_counter

import polars as pl

from pipeline.attribution import used_clicks
from pipeline.audit import row_errors, shrink_errors, warnings
from pipeline.database import interruptible, server_errors, session, take_snapshot
from pipeline.errors import AuditFailed
from pipeline.extract import Extracted, extract_all, extract_named
from pipeline.ledger import Baseline, last_published, ledger
from pipeline.load import Written, image, rows_to_write, write
from pipeline.lock import hold_gate_alone, hold_gate_shared, take_run_lock
from pipeline.metrics import metrics
from pipeline.scores import scores
from pipeline.settings import Settings

log = logging.getLogger("clickstats")


@dataclass
class Report:
    """What one `run --all` saw and did; counts are rows."""

    run_id: str
    snapshot_at: datetime
    timezone: str
    applications: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    pending: int = 0
    newer: int = 0  # left, because a `run --app-id` wrote a newer result meanwhile
    gone: int = 0  # deleted while the run was under way
    rows_without_application: int = 0  # written by another program, left alone
    clicks_read: int = 0
    clicks_used: int = 0
    clicks_unusable: int = 0
    clicks_unattributed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def scored(extracted: Extracted, timezone: str) -> pl.LazyFrame:
    """One row per application: `created_at`, every metric and both scores."""
    clicks = used_clicks(extracted.clicks, extracted.links, extracted.applications)
    return scores(metrics(extracted.applications, clicks, timezone))


@dataclass(frozen=True)
class Options:
    """What the user may decide about a `run --all`."""

    limit: int | None = None  # write at most so many rows; the rest stays pending
    full: bool = False  # write every row, changed or not
    wait: float = 0  # seconds to wait for another run
    max_shrink: float = 50  # percent that applications and clicks may fall by; 100: any
    keep_days: int = 400  # how long runs stay in the ledger


def run_all(settings: Settings, options: Options = Options()) -> Report:
    """Compute every application from one snapshot and write the rows that differ.

    Raises `Locked`, `AuditFailed` and what the server says; nothing is written then.
    """
    started = perf_counter()
    with (
        session(settings) as writer,
        ledger(settings, "run --all", asdict(options), options.keep_days) as row,
    ):
        with phase({}, "lock"), server_errors():
            interruptible(writer, lambda: take_run_lock(writer, options.wait))
        with session(settings, snapshot=True) as source_connection:
            with session(settings) as gatekeeper:
                hold_gate_alone(gatekeeper)
                source = take_snapshot(source_connection)
            report = Report(settings.run_id, source.taken_at, settings.timezone)
            with phase(report.seconds, "read"):
                extracted = extract_all(source, settings)
        with phase(report.seconds, "compute"):
            per_application = scored(extracted, settings.timezone).collect()
            _count(report, extracted, per_application)
        with phase(report.seconds, "compare"):
            rows = rows_to_write(
                image(per_application.lazy()), extracted.stored, every=options.full
            ).collect()
            if options.limit is not None and rows.height > options.limit:
                report.pending = rows.height - options.limit
                rows = rows.sort("created_at", "application_id", nulls_last=True)
                rows = rows.head(options.limit)
        with phase(report.seconds, "audit"):
            baseline = last_published(writer)
            _audit(report, extracted, per_application, rows, baseline, options.max_shrink)
        del extracted, per_application  # before the rows to write are copied
        with phase(report.seconds, "write"), server_errors():
            written = interruptible(writer, lambda: write(writer, rows, source.taken_at))
            _written(report, written, rows.height)
            row.publish(writer, asdict(report), report.warnings)
            writer.commit()
    report.seconds["total"] = perf_counter() - started
    return report


def run_named(
    settings: Settings, application_ids: Sequence[str], keep_days: int = Options.keep_days
) -> tuple[pl.DataFrame, list[str]]:
    """Compute and write the named applications, and confirm them when nothing changed.

    Returns their rows (`schema.columns.ANALYTICS`) in the order given, and the ids that name no
    application.
    """
    options = {"app_id": list(application_ids)}
    with (
        session(settings) as writer,
        ledger(settings, "run --app-id", options, keep_days) as row,
        session(settings, snapshot=True) as source_connection,
    ):
        with server_errors():
            hold_gate_shared(writer, application_ids)
        source = take_snapshot(source_connection)
        report = Report(settings.run_id, source.taken_at, settings.timezone)
        extracted = extract_named(source, application_ids)
        per_application = scored(extracted, settings.timezone).collect()
        _count(report, extracted, per_application)
        rows = rows_to_write(image(per_application.lazy()), extracted.stored, every=True).collect()
        with server_errors():
            _written(report, write(writer, rows, source.taken_at), rows.height)
            row.publish(writer, asdict(report), report.warnings)
            writer.commit()
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.drop("created_at"), unknown["application_id"].to_list()


@contextmanager
def phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Time a phase and log it."""
    started = perf_counter()
    yield
    seconds[name] = perf_counter() - started
    log.info("%s: %.2f s", name, seconds[name], extra={"phase": name, "seconds": seconds[name]})


def _audit(
    report: Report,
    extracted: Extracted,
    per_application: pl.DataFrame,
    rows: pl.DataFrame,
    before: Baseline | None,
    max_shrink: float,
) -> None:
    """Raise `AuditFailed` when the result is not fit to be published; note what is odd."""
    to_write = per_application.lazy().join(rows.lazy(), on="application_id", how="semi")
    errors = list(row_errors(to_write))
    odd = {"unusable": report.clicks_unusable, "unattributed": report.clicks_unattributed}
    report.warnings += warnings(
        per_application.lazy(), extracted.clicks, report.snapshot_at, odd, report.clicks_read
    )
    if before:
        errors += shrink_errors(
            {"applications": before.applications, "clicks read": before.clicks_read},
            {"applications": report.applications, "clicks read": report.clicks_read},
            max_shrink,
        )
        if before.timezone != report.timezone:
            report.warnings.append(
                f"the time zone is {report.timezone}, in the last published run {before.timezone}"
            )
    for warning in report.warnings:
        log.warning("%s", warning)
    if errors:
        raise AuditFailed(f"the audit failed: {'; '.join(errors)}; nothing was published")


def _written(report: Report, written: Written, rows: int) -> None:
    report.inserted, report.updated = written.inserted, written.updated
    report.newer, report.gone = written.newer, written.gone
    report.unchanged = report.applications - rows - report.pending


def _count(report: Report, extracted: Extracted, per_application: pl.DataFrame) -> None:
    report.rows_without_application = extracted.rows_without_application
    clicks = extracted.clicks.select(
        read=pl.len(), unusable=pl.col("clicked_at").null_count()
    ).collect()
    report.applications = per_application.height
    report.clicks_read = clicks["read"].item()
    report.clicks_unusable = clicks["unusable"].item()
    report.clicks_used = per_application.select(
        pl.col("total_click_events").cast(pl.Int64).sum()
    ).item()
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable
