"""The state of the job as Prometheus text: a file for node_exporter's textfile collector, or an
answer of `serve`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pipeline.answers.status import Status, status
from pipeline.answers.whole_file import refuse_unwritable, whole_file
from pipeline.errors import ClickstatsError
from pipeline.settings import Settings

log = logging.getLogger("clickstats")


def write_metrics(found: Status, path: Path) -> None:
    """Write the state as Prometheus text for node_exporter's textfile collector, atomically."""
    with whole_file(path) as file:
        file.write(metrics_text(found))


def metrics_text(found: Status) -> bytes:
    """The state as Prometheus text."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, value: float | None, **labels: str) -> None:
        if value is not None:
            family = families.get(name) or Gauge(
                f"clickstats_{name}", meaning, labels.keys(), registry=registry
            )
            families[name] = family
            (family.labels(**labels) if labels else family).set(value)

    families: dict[str, Gauge] = {}
    gauge("status_timestamp_seconds", "When this file was written.", _unix(found.now))
    gauge(
        "outdated_applications",
        "Applications with a click dated after the last published run --all.",
        found.outdated,
    )
    if attempt := found.last_attempt:
        gauge(
            "last_attempt_timestamp_seconds",
            "When the last run --all started.",
            _unix(attempt["started_at"]),
        )
        gauge(
            "last_attempt_exit_code",
            "How the last run --all ended; no sample while it runs or when it died.",
            attempt["exit_code"],
        )
        gauge(
            "last_attempt_published",
            "Whether the last run --all published its rows.",
            attempt["outcome"] == "published",
        )
    if published := found.last_published:
        gauge(
            "last_published_timestamp_seconds",
            "The snapshot of the last published run --all; no sample when it lies in the future.",
            None if found.is_from_future or not found.published_at else _unix(found.published_at),
        )
        for name, meaning in COUNTS.items():
            gauge(name, f"{meaning} in the last published run --all.", published[name])
        for its_class, clicks in (published["clicks_by_class"] or {}).items():
            gauge("clicks_used", USED, clicks, **{"class": its_class})
        gauge("warnings", "Warnings of the last published run --all.", len(published["warnings"]))
        for phase, seconds in (published["seconds"] or {}).items():
            gauge("phase_seconds", "Seconds of each phase, and in all.", seconds, phase=phase)
    return generate_latest(registry)


@contextmanager
def kept_metrics(settings: Settings, path: str) -> Iterator[None]:
    """Write the metrics file after a run, whether or not the run succeeds or its output can be
    written. Where it can't be written, there is no run; when it fails afterwards, the error says
    that the run was published."""
    refuse_unwritable(Path(path))
    try:
        yield
    except (ClickstatsError, OSError):
        try:
            write_metrics(status(settings), Path(path))
        except ClickstatsError as unwritten:
            log.warning("the metrics file was not written: %s", unwritten)
        raise
    try:
        write_metrics(status(settings), Path(path))
    except ClickstatsError as error:
        said = re.sub("; (nothing was written|run again)", "", str(error))
        raise type(error)(
            f"the run was published, but the metrics file was not written: {said}"
        ) from error


USED = "Used clicks of each class in the last published run --all."
Count = Literal[
    "applications",
    "inserted",
    "updated",
    "unchanged",
    "pending",
    "frozen",
    "readings_written",
    "readings_deleted",
    "clicks_read",
    "clicks_unusable",
    "clicks_unattributed",
    "wal_bytes",
    "peak_memory_bytes",
]
COUNTS: dict[Count, str] = {
    "applications": "Applications",
    "inserted": "Rows inserted",
    "updated": "Rows updated",
    "unchanged": "Rows left alone",
    "pending": "Rows left for a later run",
    "frozen": "Applications that kept their stored rows",
    "readings_written": "Rows of link_click_readings written",
    "readings_deleted": "Rows of link_click_readings deleted",
    "clicks_read": "Clicks read",
    "clicks_unusable": "Clicks without a usable time",
    "clicks_unattributed": "Clicks without an application",
    "wal_bytes": "WAL written by the whole server",
    "peak_memory_bytes": "Most memory held",
}


def _unix(instant: datetime) -> float:
    return (instant - datetime(1970, 1, 1)).total_seconds()
