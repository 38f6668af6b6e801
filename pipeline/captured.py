"""What change capture has told of: which applications are to be computed anew.

Reads it, and deletes what a run has done; `pipeline.capture` turns capture on and off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg2 import errors

from pipeline import __version__
from pipeline.alterations import write_alone
from pipeline.database.connection import leaving_no_lock, rows_by_name
from pipeline.rewrites import relations
from pipeline.source_shape import read_past_outdated_indexes
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

NOBODY = f"{UUID(int=0)}"
IS_THERE = "SELECT to_regclass('clickstats_changes') IS NOT NULL"


@dataclass(frozen=True)
class Captured:
    """The rows of clickstats_changes that one snapshot holds, by their `numbers` and `instants`,
    and what they name: tracking links (by the bytes of their ids), applications and jobs, or
    everything."""

    numbers: str  # as the server writes an array
    instants: str
    tracking_ids: list[memoryview]
    application_ids: list[str]
    job_ids: list[str]
    everything: bool

    @property
    def is_empty(self) -> bool:
        """Whether there were no rows."""
        return self.numbers == "{}"


def captured(connection: Connection) -> Captured | None:
    """What has been told of so far; None where capture is off. Leaves no lock behind: whoever
    turns capture off would wait for it, and all writers of the source behind him."""
    try:
        with leaving_no_lock(connection):
            if not is_there(connection):
                return None
            [row] = rows_by_name(connection, statement("captured"), {})
            return Captured(**row)
    except errors.UndefinedTable:  # turned off between the two statements
        return None


def waits(connection: Connection) -> bool:
    """Whether there is something to look at, where capture was on: changes, or that some were
    lost, or that it has been turned off since. Leaves no lock behind."""
    try:
        with leaving_no_lock(connection) as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM clickstats_changes)")
            if cursor.fetchone() == (True,):
                return True
        return is_lost(connection)
    except errors.UndefinedTable:
        return True


def catalog(connection: Connection) -> str | None:
    """What stands for this version of clickstats and, as the server's catalog has them, for the
    triggers of capture, the table of changes, the ledger and what a run reads; None when there are
    no triggers. When it differs later, rows may have changed without a trigger, be of another
    definition than the ledger's, or be computed otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(statement("triggers_of_capture"), {})
        (triggers,) = cursor.fetchone()  # type: ignore[misc]
    if triggers is None:
        return None
    return sha256(f"{__version__} {triggers} {sorted(relations(connection))}".encode()).hexdigest()


def is_lost(connection: Connection) -> bool:
    """Whether rows may be stale or missing that no change names, so that everything is to be
    computed. Leaves no lock behind."""
    with leaving_no_lock(connection) as cursor:
        cursor.execute(statement("lost"), {"catalog": catalog(connection)})
        return cursor.fetchone() == (True,)


def applications_of(connection: Connection, changes: Captured) -> list[str]:
    """The applications that the changes name, or whose links or job they name, by their ids: one at
    least, although it may not exist.

    Whose a link is may be read later than the changes: when a link moves meanwhile, a change that
    is not among them names both applications.
    """
    found = set(changes.application_ids)
    if changes.tracking_ids or changes.job_ids:
        named = {"tracking_ids": changes.tracking_ids, "job_ids": changes.job_ids}
        with leaving_no_lock(connection) as cursor:
            read_past_outdated_indexes(connection)
            cursor.execute(statement("applications_of"), named)
            found.update(application for (application,) in cursor.fetchall())
    return sorted(found) or [NOBODY]


def is_reached(connection: Connection, instant: str | None) -> bool:
    """Whether the server's clock has reached the instant (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamp <= clock_timestamp()::timestamp", (instant,))
        return cursor.fetchone() == (True,)


def forget(connection: Connection, changes: Captured, pending: Sequence[str] = ()) -> None:
    """Delete the changes, in the transaction that writes what came of them, but for those that
    name `pending` applications."""
    # capture may have been turned off meanwhile
    if changes.is_empty or not is_there(connection):
        return
    kept = "{}"
    if pending:  # else no table of the source is asked: somebody may wait there for this run
        with connection.cursor() as cursor:
            cursor.execute(statement("left_captured"), {"pending": list(pending)})
            (kept,) = cursor.fetchone()  # type: ignore[misc]
    done = {"numbers": changes.numbers, "instants": changes.instants, "kept": kept}
    write_alone(connection, "delete_captured", "true", done)


def is_there(connection: Connection) -> bool:
    """Whether there is a table of changes."""
    with connection.cursor() as cursor:
        cursor.execute(IS_THERE)
        return cursor.fetchone() == (True,)
