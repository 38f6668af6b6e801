"""Is the job healthy? The ledger's answer, for people, programs and Prometheus."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict, cast

import psycopg2

from pipeline.choice import last_published
from pipeline.database.connection import rows_by_name, session
from pipeline.definition import Definition, from_document
from pipeline.errors import ConfigurationError
from pipeline.rewrites import looked_anew
from pipeline.settings import Settings
from pipeline.source_columns import source_columns
from pipeline.source_shape import read_past_outdated_indexes
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

LONGEST = timedelta(days=100_000)  # so far back from now there still are instants
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
OUTDATED = """
SELECT count(DISTINCT link.application_id)
FROM link_clicks AS click
JOIN link_tracking AS link USING (tracking_id)
JOIN job_applications AS application ON application.id = link.application_id
WHERE click.clicked_at > %s AND click.clicked_at <= clock_timestamp()::timestamp
"""
CLOCKS_DIFFER = timedelta(minutes=1)  # those of a standby and its primary, at most
CHEAP = "SET LOCAL statement_timeout = '2s'"


class Run(TypedDict):
    """A row of clickstats_runs; what a run did not come to is null."""

    id: str
    command: str
    started_at: datetime
    finished_at: datetime | None
    snapshot_at: datetime | None
    timezone: str
    outcome: str  # its state; the name is that of the column
    exit_code: int | None
    applications: int | None
    inserted: int | None
    updated: int | None
    unchanged: int | None
    pending: int | None
    clicks_read: int | None
    clicks_unusable: int | None
    clicks_unattributed: int | None
    fingerprint: str | None  # of the definition
    clicks_by_class: dict[str, int] | None  # used clicks
    frozen: int | None  # applications that kept their rows
    readings_written: int | None  # rows of link_click_readings
    readings_deleted: int | None
    seconds: dict[str, float] | None  # by phase
    wal_bytes: int | None
    peak_memory_bytes: int | None
    warnings: list[str]
    error: str | None


@dataclass(frozen=True)
class Status:
    """The newest runs, newest first, and what they say about freshness; instants are UTC. Runs
    are in the order of their numbers, not of the clock, which may have been set back."""

    now: datetime
    runs: list[Run]
    last_published: Run | None  # the last published `run --all`
    last_attempt: Run | None  # the last `run --all`, whatever became of it
    outdated: int | None  # applications with a later click; None: not cheap, or not to be known
    definition: Definition | None  # the published one; None when nothing was ever published

    @property
    def published_at(self) -> datetime | None:
        """The snapshot of the published numbers; None when nothing was ever published."""
        return self.last_published["snapshot_at"] if self.last_published else None

    @property
    def age(self) -> timedelta | None:
        """How old the published numbers are."""
        return self.now - self.published_at if self.published_at else None

    @property
    def is_from_future(self) -> bool:
        """Whether the last published snapshot lies in the future: its age says nothing."""
        return self.age is not None and self.age < -CLOCKS_DIFFER


def status(settings: Settings) -> Status:
    """Read the ledger."""
    with session(settings, snapshot=True) as connection:
        before = looked_anew(connection, settings)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()::timestamp")
            now = cursor.fetchone()[0]  # type: ignore[index]
        runs = cast("list[Run]", rows_by_name(connection, statement("recent_runs"), {}))
        every = [run for run in runs if run["command"] == "run --all"]
        last = next((run for run in every if run["outcome"] == "published"), None)
        published = last_published(connection)
        definition = from_document(published.document)[0] if published else None
        found = Status(now, runs, last, every[0] if every else None, None, definition)
        if not found.published_at or not definition or found.is_from_future:
            return found
        outdated = _outdated(connection, found.published_at, definition)
        if outdated is not None and looked_anew(connection, settings) != before:
            return found  # to the snapshot a table that was rewritten is empty
        return replace(found, outdated=outdated)


def reachable(settings: Settings) -> None:
    """Raise `NoConnection`, or what else keeps the database from answering."""
    with session(settings, snapshot=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT")


def _outdated(connection: Connection, since: datetime, definition: Definition) -> int | None:
    read_past_outdated_indexes(connection)
    front = source_columns(connection).in_front(["link_clicks"], definition)
    with connection.cursor() as cursor:
        cursor.execute(CHEAP)
        try:
            cursor.execute(front.as_string(connection) + OUTDATED, (since,))
        except psycopg2.errors.QueryCanceled:
            connection.rollback()
            return None
        count: int = cursor.fetchone()[0]  # type: ignore[index]
        return count


def since_now(connection: Connection, span: timedelta) -> datetime:
    """The instant that lies so far back from now, by the server's clock; UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()::timestamp - %s", (span,))
        instant: datetime = cursor.fetchone()[0]  # type: ignore[index]
        return instant


def duration(text: str, longest: timedelta = LONGEST) -> timedelta:
    """A duration such as 90s, 30m, 26h or 2d."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found:
        raise ConfigurationError(
            f"{text!r} is not a duration; expected a number and s, m, h or d, such as 26h"
        )
    unit = timedelta(**{UNITS[found[2]]: 1})
    if float(found[1]) > longest / unit:
        raise ConfigurationError(f"{text} is too long; expected at most {longest.days}d")
    return float(found[1]) * unit
