"""The ledger, clickstats_runs: what each run saw and did, whether it was published, and why not.

A run's row is written when it starts. It says *published* in the very transaction that publishes
the rows, *failed* in one of its own. A row that says *running* while no session has the run's name
belongs to a run that died.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline import __version__
from pipeline.alterations import write_alone
from pipeline.database.connection import Snapshot, next_transaction, session
from pipeline.database.waiting import in_time, is_unanswered
from pipeline.definition import fingerprint
from pipeline.errors import AuditFailed, ClickstatsError, Refused
from pipeline.run_report import RunReport
from pipeline.scoring.scores import rules_fingerprint
from pipeline.settings import Settings
from pipeline.source_shape import refuse_settings
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

SEEN = (
    "snapshot_at", "applications", "inserted", "updated", "unchanged", "pending",
    "clicks_read", "clicks_unusable", "clicks_unattributed",
    "frozen", "readings_written", "readings_deleted",
)  # fmt: skip
# a failure waits neither for long nor for a standby
NOT_FOR_LONG = (
    "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10s'; "
    "SET LOCAL synchronous_commit = local"
)
# that a run has begun is no news for which a standby must be waited
NOT_FOR_A_STANDBY = "SET LOCAL synchronous_commit = local"
AFTER_A_SIGNAL, UNANSWERED = 2.0, 0.1  # seconds for it, where the server answers and where not
WAL_POSITION = "SELECT pg_current_wal_insert_lsn()::text"
IS_PUBLISHED = """
SELECT EXISTS (
    SELECT FROM clickstats_runs
    WHERE outcome = 'published' AND (id = %(id)s OR options ->> 'last' = %(id)s)
)
"""


@dataclass
class Ledger:
    """The row of one run; `report` is what the run has seen and done so far."""

    settings: Settings
    wal_start: str
    report: RunReport | None = None
    definition: dict[str, Any] | None = None  # the whole, once it is known
    noted: dict[str, Any] = field(default_factory=dict)  # what the next runs want to know

    def publish(self, writer: Connection) -> None:
        """Record success, in the transaction that publishes the rows; whatever waits for the
        commit comes before it. Raises `AuditFailed` when the row is not stored as it is written,
        or when that writes something else."""
        self._finish(writer, "published", 0)

    def fail(self, error: BaseException) -> bool:
        """Record a failure, in a transaction of its own; True when it came too late, since the run
        is published."""
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            return self._record(error)
        seconds = UNANSWERED if is_unanswered(error) else AFTER_A_SIGNAL
        return bool(in_time(lambda: self._record(error), seconds))

    def _record(self, error: BaseException) -> bool:
        try:
            with session(self.settings) as connection, connection.cursor() as cursor:
                cursor.execute(NOT_FOR_LONG)
                cursor.execute(IS_PUBLISHED, {"id": self.settings.run_id})
                if cursor.fetchone() == (True,):
                    return True
                self._open(connection)
                self._finish(connection, "failed", *_exit(error))
                cursor.execute(IS_PUBLISHED, {"id": self.settings.run_id})
                return cursor.fetchone() == (True,)
        except ClickstatsError as unrecorded:
            log.warning("the failure is not in the ledger: %s", unrecorded)
            return False

    def _open(self, connection: Connection) -> None:
        """The row is there: it was written when the run began."""

    def _finish(
        self, connection: Connection, outcome: str, exit_code: int, error: str | None = None
    ) -> None:
        end = {"outcome": outcome, "exit_code": exit_code, "error": error}
        is_entered = write_alone(connection, "finish_run", statement("entered"), self._seen() | end)
        if outcome == "published" and not is_entered:
            raise AuditFailed(
                "the audit failed: the row of this run in clickstats_runs is stored otherwise than "
                "it was written; look for triggers and rules on clickstats_runs; nothing was "
                "published"
            )

    def _seen(self) -> dict[str, Any]:
        """What the run has seen and done so far, as parameters of a statement."""
        seen = (
            asdict(self.report)
            if self.report
            else {"seconds": {}, "warnings": [], "timezone": None, "clicks_by_class": {}}
        )
        return (
            dict.fromkeys(SEEN)
            | seen
            | {
                "seconds": json.dumps(seen["seconds"]),
                "clicks_by_class": json.dumps(seen["clicks_by_class"]),
                "definition": json.dumps(self.definition) if self.definition else None,
                "fingerprint": fingerprint(self.definition) if self.definition else None,
                "noted": json.dumps(self.noted),
                "id": self.settings.run_id,
                "wal_start": self.wal_start,
                "peak_memory_bytes": _peak_memory_bytes(),
            }
        )


@dataclass
class Round(Ledger):
    """A run of which there may be one each second: the published ones of a command and hour share
    one row; a failed one has its own."""

    start: dict[str, Any] = field(default_factory=dict)  # parameters of start_run.sql

    def publish(self, writer: Connection) -> None:
        write_alone(writer, "add_round", "true", self.start | self._seen())

    def _open(self, connection: Connection) -> None:
        write_alone(connection, "start_run", "true", self.start)


Row = TypeVar("Row", bound=Ledger)


@contextmanager
def ledger(
    writer: Connection,
    settings: Settings,
    command: str,
    options: Mapping[str, object],
    keep_days: int,
) -> Iterator[Ledger]:
    """Open the run's row, mark the runs that died, drop those older than `keep_days`; when the run
    fails, whatever the reason, undo what its writer did and say so in its row.

    What comes after the commit, or makes it uncertain, is no failure when the row says that the run
    was published.
    """
    parameters = _start(settings, command, options, keep_days)
    with writer.cursor() as cursor:
        cursor.execute(NOT_FOR_A_STANDBY)
    wal_start = write_alone(writer, "start_run", WAL_POSITION, parameters)
    next_transaction(writer, settings)
    log.debug("ledger row %(id)s: %(command)s %(options)s, clickstats %(version)s", parameters)
    with _failing(writer, Ledger(settings, wal_start)) as row:
        refuse_settings(writer)  # a pooler may have given this transaction another session
        yield row


@contextmanager
def ledger_of_rounds(
    writer: Connection,
    settings: Settings,
    command: str,
    options: Mapping[str, object],
    keep_days: int,
) -> Iterator[Round]:
    """The same for a round of `run --changed` or `serve`, which leaves no row until it is published
    or has failed."""
    start = _start(settings, command, options, keep_days)
    with _failing(writer, Round(settings, "0/0", start=start)) as row:
        yield row


def _start(
    settings: Settings, command: str, options: Mapping[str, object], keep_days: int
) -> dict[str, Any]:
    return {
        "id": settings.run_id,
        "command": command,
        "options": json.dumps(options),
        "version": __version__,
        "rules": rules_fingerprint(),
        "timezone": settings.timezone or "UTC",  # until it is known
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "keep_days": keep_days,
    }


@contextmanager
def _failing(writer: Connection, row: Row) -> Iterator[Row]:
    try:
        yield row
    except BaseException as error:
        writer.close()  # it may hold the run's row
        if not row.fail(error):
            raise
        log.warning("published before this came: %s", _exit(error)[1])


def _exit(error: BaseException) -> tuple[int, str]:
    """The exit code that an error leads to, and what to call it."""
    match error:
        case ClickstatsError():
            return error.exit_code, str(error)
        case KeyboardInterrupt():
            return 130, "interrupted"
        case SystemExit():
            return 143, "terminated"
    return 1, f"{type(error).__name__}: {error}"


def tell_snapshot(connection: Connection, settings: Settings, snapshot: Snapshot) -> None:
    """Enter when the snapshot of a `run --all` was taken, before others may take theirs."""
    with connection.cursor() as cursor:
        cursor.execute(NOT_FOR_A_STANDBY)
    entered = {"id": settings.run_id, "instant": snapshot.taken_at}
    write_alone(connection, "enter_snapshot", "true", entered)


def refuse_earlier_instant(connection: Connection, snapshot: Snapshot) -> None:
    """Raise `Refused` when a `run --all` is under way whose snapshot has no earlier instant,
    although it was taken earlier: it would take what comes of this one for older than its own."""
    with connection.cursor() as cursor:
        cursor.execute(statement("later_snapshot"), {"instant": snapshot.taken_at})
        (later,) = cursor.fetchone()  # type: ignore[misc]
    if later:
        raise Refused(
            f"the server's clock was set back: the snapshot of a `run --all` that is under way was "
            f"taken at {later} UTC; nothing was written; run again"
        )


def _peak_memory_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
