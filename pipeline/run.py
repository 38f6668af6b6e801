"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from pipeline.attribution import used_clicks
from pipeline.database import server_errors, session, snapshot
from pipeline.extract import Extracted, extract_all, extract_named
from pipeline.load import image, rows_to_write, write
from pipeline.metrics import metrics
from pipeline.scores import scores
from pipeline.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

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
    gone: int = 0  # deleted while the run was under way
    rows_without_application: int = 0
    clicks_read: int = 0
    clicks_used: int = 0
    clicks_unusable: int = 0
    clicks_unattributed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def scored(extracted: Extracted, timezone: str) -> pl.LazyFrame:
    """One row per application: `created_at`, every metric and both scores."""
    clicks = used_clicks(extracted.clicks, extracted.links, extracted.applications)
    return scores(metrics(extracted.applications, clicks, timezone))


def run_all(settings: Settings, *, limit: int | None = None, full: bool = False) -> Report:
    """Compute every application from one snapshot and write the rows that differ, or all (`full`).

    With `limit` at most so many rows, the oldest applications first; the rest stays pending.
    """
    started = perf_counter()
    with session(settings) as writer, snapshot(settings) as source:
        report = Report(settings.run_id, source.taken_at, settings.timezone)
        with phase(report, "read"):
            extracted = extract_all(source, settings)
            report.rows_without_application = _rows_without_application(source.connection)
        with phase(report, "compute"):
            per_application = scored(extracted, settings.timezone).collect()
            _count(report, extracted, per_application)
        with phase(report, "compare"):
            rows = rows_to_write(
                image(per_application.lazy()), extracted.stored, every=full
            ).collect()
            del extracted, per_application  # the clicks, before the rows to write are copied
            if limit is not None and rows.height > limit:
                report.pending = rows.height - limit
                rows = rows.sort("created_at", "application_id", nulls_last=True).head(limit)
            report.unchanged = report.applications - rows.height - report.pending
        with phase(report, "write"):
            written = write(writer, rows, source.taken_at)
            report.inserted, report.updated = written.inserted, written.updated
            report.gone = rows.height - written.inserted - written.updated
            writer.commit()
    report.seconds["total"] = perf_counter() - started
    return report


def run_named(settings: Settings, application_ids: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """Compute and write the named applications, and confirm them when nothing changed.

    Returns their rows (`schema.columns.ANALYTICS`) in the order given, and the ids that name no
    application.
    """
    with session(settings) as writer, snapshot(settings) as source:
        extracted = extract_named(source, application_ids)
        per_application = scored(extracted, settings.timezone).collect()
        rows = rows_to_write(image(per_application.lazy()), extracted.stored, every=True).collect()
        write(writer, rows, source.taken_at)
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.drop("created_at"), unknown["application_id"].to_list()


@contextmanager
def phase(report: Report, name: str) -> Iterator[None]:
    """Time a phase, report and log it."""
    started = perf_counter()
    yield
    report.seconds[name] = perf_counter() - started
    log.info("%s: %.2f s", name, report.seconds[name])


def _count(report: Report, extracted: Extracted, per_application: pl.DataFrame) -> None:
    clicks = extracted.clicks.select(
        read=pl.len(), unusable=pl.col("clicked_at").null_count()
    ).collect()
    report.applications = per_application.height
    report.clicks_read = clicks["read"].item()
    report.clicks_unusable = clicks["unusable"].item()
    report.clicks_used = per_application["total_click_events"].cast(pl.Int64).sum()
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable


def _rows_without_application(connection: Connection) -> int:
    with server_errors(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM link_click_analytics WHERE application_id IS NULL")
        count: int = cursor.fetchone()[0]  # type: ignore[index]
        return count
