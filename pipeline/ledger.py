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

from psycopg2 import errors

from pipeline import __version__
from pipeline.alterations import write_alone
from pipeline.audit import Baseline
from pipeline.database.connection import Snapshot, next_transaction, session
from pipeline.database.waiting import in_time, is_unanswered
from pipeline.definition import (
    Circumstances,
    Definition,
    InForce,
    differences,
    document,
    fingerprint,
    from_document,
    in_force,
)
from pipeline.errors import AuditFailed, ClickstatsError, ConfigurationError, Refused
from pipeline.run_report import RunReport
from pipeline.scoring.scores import rules_fingerprint
from pipeline.scoring.user_agents import patterns_fingerprint
from pipeline.settings import Settings
from pipeline.source_columns import CLASSES_OF, SourceColumns, source_columns
from pipeline.source_shape import refuse_settings
from schema.columns import OPTIONAL
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
# before the first `run --all`: whether rows are stored, whether any run has stored them, and by
# which definitions
BEFORE_THE_FIRST = """
SELECT
    EXISTS (SELECT FROM link_click_readings),
    EXISTS (SELECT FROM clickstats_runs WHERE outcome = 'published'),
    ARRAY(SELECT DISTINCT definition FROM clickstats_runs
        WHERE outcome = 'published' AND definition IS NOT NULL)
"""
EMPTIED = (
    "clickstats_runs has no published run although rows are stored: it was emptied, or not "
    "restored, so nobody knows by which definition they are"
)
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


def last_published(connection: Connection) -> Baseline | None:
    """The last published `run --all`, or None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(statement("baseline"))
        row = cursor.fetchone()
        return Baseline(*row) if row else None


@dataclass(frozen=True)
class Choice:
    """The definition by which a command computes, and how it stands to the published one."""

    in_force: InForce
    source: SourceColumns
    document: dict[str, Any]  # with the circumstances
    published: Baseline | None
    is_emptied: bool = False  # the ledger, although rows are stored
    of_named: tuple[Mapping[str, Any], ...] = ()  # of stored rows, before the first `run --all`

    @property
    def definition(self) -> Definition:
        """The part that the user decides."""
        return self.in_force.definition

    @property
    def published_definition(self) -> Definition:
        """That of the last published run; before the first the built-in one."""
        return from_document(self.published.document)[0] if self.published else Definition()

    @property
    def count(self) -> str:
        """The clicks that count: "all" or "human"."""
        return self.definition.clicks.count

    @property
    def columns(self) -> tuple[str, ...]:
        """The optional columns of link_clicks that can be read."""
        return tuple(self.document["circumstances"]["columns"])

    @property
    def timezone(self) -> str:
        """The zone of hours and weekdays."""
        return self.definition.time.reporting

    @property
    def fingerprint(self) -> str:
        """Of the definition and its circumstances."""
        return fingerprint(self.document)

    @property
    def changes(self) -> list[str]:
        """What differs from the published one, in words."""
        return differences(self.published.document, self.document) if self.published else []

    @property
    def mixed(self) -> list[str]:
        """How it differs from what stored rows are by, in words, or why that is not known."""
        of_named = [words for one in self.of_named for words in differences(one, self.document)]
        return self.changes or of_named or [EMPTIED] * self.is_emptied

    @property
    def is_new(self) -> bool:
        """Whether it is the first one, or another than the published one."""
        return self.published is None or bool(self.changes)

    @property
    def knows_no_readings(self) -> bool:
        """Whether the last published run is of a version that stored none: what the scores of human
        clicks were, nobody knows."""
        return self.published is not None and self.published.definition is None

    @property
    def leaves_rows(self) -> bool:
        """Whether the last published run has left rows for its --limit: an application without a
        row is one of those, and not new."""
        return self.published is not None and self.published.pending > 0

    def warnings(self) -> Iterator[str]:
        """What a run of everything says about its definition."""
        if self.is_emptied:
            yield f"{EMPTIED}; they are computed anew"
        if self.changes:
            yield f"another definition than in the last published run: {'; '.join(self.changes)}"
        if missing := [name for name in OPTIONAL if name not in self.columns]:
            yield (
                f"link_clicks has no {' and no '.join(missing)} that can be read: no click has the "
                f"class {' or '.join(CLASSES_OF[name] for name in missing)}"
            )


def chosen(connection: Connection, settings: Settings) -> Choice:
    """The definition that is asked for, else that of the last published `run --all`, else the
    built-in one."""
    published, is_emptied, of_named = _published_if_readable(connection)
    found = in_force(
        settings.definition_file,
        settings.timezone,
        from_document(published.document)[0] if published else None,
    )
    columns = source_columns(connection)
    circumstances = Circumstances(
        rules=rules_fingerprint(), patterns=patterns_fingerprint(), columns=columns.optional
    )
    whole = document(found.definition, circumstances)
    return Choice(found, columns, whole, published, is_emptied, of_named)


def _published_if_readable(
    connection: Connection,
) -> tuple[Baseline | None, bool, tuple[Mapping[str, Any], ...]]:
    """The last published run; without one, whether the ledger was emptied, and by which definitions
    named applications are stored. None for those who may not read the ledger, or have none: what
    they ask is answered all the same."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT ledger")
        try:
            if published := last_published(connection):
                return published, False, ()
            cursor.execute(BEFORE_THE_FIRST)
            are_stored, is_any, definitions = cursor.fetchone()  # type: ignore[misc]
            cursor.execute("ROLLBACK TO ledger")  # leaves no lock behind
            return None, are_stored and not is_any, tuple(definitions) if are_stored else ()
        except (errors.UndefinedTable, errors.InsufficientPrivilege) as error:
            cursor.execute("ROLLBACK TO ledger")
            log.warning("no definition from the ledger: %s", error.diag.message_primary)
            return None, False, ()


def refuse_to_mix(choice: Choice) -> None:
    """Raise `ConfigurationError` when rows of this definition must not stand beside those of the
    published one, or when that cannot be known."""
    if choice.is_emptied:
        raise ConfigurationError(
            f"{EMPTIED}; nothing was done; run `clickstats run --all`, with --definition where "
            "there was one"
        )
    if changes := choice.changes:
        raise ConfigurationError(
            f"another definition than that of the last published run: {'; '.join(changes)}; "
            "nothing was done; "
            + "leave it out, or " * (choice.definition != choice.published_definition)
            + "publish it by `clickstats run --all`"
        )


def _peak_memory_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
