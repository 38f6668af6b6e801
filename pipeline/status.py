"""Is the job healthy? The ledger's answer, for people, programs and Prometheus."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from pipeline.database import session
from pipeline.errors import ClickstatsError, ConfigurationError
from pipeline.settings import Settings
from pipeline.whole_file import whole_file
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database import Connection

log = logging.getLogger("clickstats")

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
OUTDATED = """
SELECT count(DISTINCT link.application_id)
FROM link_clicks AS click JOIN link_tracking AS link USING (tracking_id)
WHERE click.clicked_at > %s AND click.clicked_at <= clock_timestamp()::timestamp
"""
CLOCKS_DIFFER = timedelta(minutes=1)  # those of a standby and its primary, at most
CHEAP = "SET LOCAL statement_timeout = '2s'"

Run = dict[str, Any]  # a row of clickstats_runs


@dataclass(frozen=True)
class Status:
    """The newest runs, newest first, and what they say about freshness; instants are UTC. Which is
    newer the number of the run says, not the clock, which may have been set back."""

    now: datetime
    runs: list[Run]
    last_published: Run | None  # the last published `run --all`
    last_attempt: Run | None  # the last `run --all`, whatever became of it
    outdated: int | None  # applications with a later click; None: not cheap, or not to be known

    @property
    def age(self) -> timedelta | None:
        """How old the published numbers are; None when nothing was ever published."""
        return self.now - self.last_published["snapshot_at"] if self.last_published else None

    @property
    def is_from_future(self) -> bool:
        """Whether the last published snapshot lies in the future: its age says nothing."""
        return self.age is not None and self.age < -CLOCKS_DIFFER


def status(settings: Settings) -> Status:
    """Read the ledger."""
    with session(settings, snapshot=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()::timestamp")
            now = cursor.fetchone()[0]  # type: ignore[index]
            cursor.execute(statement("recent_runs"))
            names = [column.name for column in cursor.description or ()]
            runs = [dict(zip(names, row, strict=True)) for row in cursor]
        every = [run for run in runs if run["command"] == "run --all"]
        last = next((run for run in every if run["outcome"] == "published"), None)
        found = Status(now, runs, last, every[0] if every else None, None)
        if not last or found.is_from_future:
            return found
        return replace(found, outdated=_outdated(connection, last["snapshot_at"]))


def _outdated(connection: Connection, since: datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(CHEAP)
        try:
            cursor.execute(OUTDATED, (since,))
        except psycopg2.errors.QueryCanceled:
            connection.rollback()
            return None
        count: int = cursor.fetchone()[0]  # type: ignore[index]
        return count


def duration(text: str) -> timedelta:
    """A duration such as 90s, 30m, 26h or 2d."""
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip()):
        try:
            return timedelta(**{UNITS[found[2]]: float(found[1])})
        except OverflowError:
            pass
    raise ConfigurationError(
        f"{text!r} is not a duration; expected a number and s, m, h or d, such as 26h"
    )


def write_metrics(found: Status, path: Path) -> None:
    """Write the state as Prometheus text for node_exporter's textfile collector, atomically."""
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
    gauge("outdated_applications", "Applications with a click not yet counted.", found.outdated)
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
            None if found.is_from_future else _unix(published["snapshot_at"]),
        )
        for name, meaning in COUNTS.items():
            gauge(name, f"{meaning} in the last published run --all.", published[name])
        gauge("warnings", "Warnings of the last published run --all.", len(published["warnings"]))
        for phase, seconds in published["seconds"].items():
            gauge("phase_seconds", "Seconds of each phase, and in all.", seconds, phase=phase)
    with whole_file(path) as file:
        file.write(generate_latest(registry))


@contextmanager
def kept_metrics(settings: Settings, path: str | None) -> Iterator[None]:
    """Write the metrics file, if any is wanted, after a run, whether or not the run succeeds or its
    output can be written. When only the file fails, the error says that the run was published."""
    try:
        yield
    except (ClickstatsError, OSError):
        if path:
            try:
                write_metrics(status(settings), Path(path))
            except ClickstatsError as unwritten:
                log.warning("the metrics file was not written: %s", unwritten)
        raise
    if path:
        try:
            write_metrics(status(settings), Path(path))
        except ClickstatsError as error:
            said = re.sub("; (nothing was written|run again)", "", str(error))
            raise type(error)(
                f"the run was published, but the metrics file was not written: {said}"
            ) from error


COUNTS = {
    "applications": "Applications",
    "inserted": "Rows inserted",
    "updated": "Rows updated",
    "unchanged": "Rows left alone",
    "pending": "Rows left for a later run",
    "clicks_read": "Clicks read",
    "clicks_unusable": "Clicks without a usable time",
    "clicks_unattributed": "Clicks without an application",
    "wal_bytes": "WAL written by the whole server",
    "peak_memory_bytes": "Most memory held",
}


def _unix(instant: datetime) -> float:
    return (instant - datetime(1970, 1, 1)).total_seconds()
