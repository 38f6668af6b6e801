"""Who may run beside whom: one `run --all` at a time, and an order among snapshots.

A run's instant is the server's clock when its snapshot is taken. Two runs whose snapshots and
instants could be taken for one another in the wrong order never take them at the same time:

- `run --all` holds the *run* lock from before its snapshot to its commit;
- `run --all` holds the *gate* while it takes its snapshot, alone;
- `run --app-id` and `run --changed` share the gate from before their snapshot to their commit, and
  hold one lock for each of their applications, so that two of them follow one another.

So a row's `calculated_at`, the instant of the run that wrote or confirmed it, says which of two
results is the newer (schema/sql/update.sql). All locks are PostgreSQL's advisory locks, belong to a
transaction and die with it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import errors

from pipeline.database.connection import time_limit
from pipeline.errors import Locked
from pipeline.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

# the first half of each lock's key; the second is the target table, so that schemas don't meet
RUN, GATE, NAMED, FOLLOW = 1_668_049_001, 1_668_049_002, 1_668_049_003, 1_668_049_004
TARGET = "'link_click_analytics'::regclass::oid::integer"
HOLDER = """
SELECT a.application_name, a.pid, a.xact_start::timestamp(0)
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = %s
    AND (l.classid = %s OR l.objid = 'link_click_analytics'::regclass::oid)
ORDER BY a.xact_start
"""
AT_ONCE = 0.1  # seconds: what takes no longer is not worth a word
NAMED_LOCKS = """
SELECT pg_advisory_xact_lock(%s, number) FROM (
    SELECT DISTINCT uuid_hash(id) & 255 AS number FROM unnest(%s::uuid[]) AS id ORDER BY number
) AS numbers
"""


def take_run_lock(writer: Connection, wait: int) -> None:
    """Take the run lock for the writer's transaction, waiting at most `wait` seconds for it.

    Raises `Locked`, which says who holds it and since when; so do the others here.
    """
    _take(writer, f"SELECT pg_advisory_xact_lock(%s, {TARGET})", (RUN,), wait)
    log.debug("run lock taken")


def hold_gate_alone(connection: Connection, settings: Settings, wait: int) -> None:
    """Wait for every `run --app-id` that is under way, `wait` seconds or a minute, whichever is
    longer; then keep new ones out until this transaction ends."""
    wait = max(wait, settings.gate_wait)
    _take(connection, f"SELECT pg_advisory_xact_lock(%s, {TARGET})", (GATE,), wait)
    log.debug("gate held alone: no run --app-id is between its snapshot and its commit")


def hold_gate_shared(
    writer: Connection, settings: Settings, application_ids: Sequence[str]
) -> None:
    """Keep `run --all` from taking its snapshot, and other runs from the same applications, until
    the writer's transaction ends; waits a minute for each. 256 locks stand for all applications,
    taken in one order."""
    wait = settings.gate_wait
    _take(writer, f"SELECT pg_advisory_xact_lock_shared(%s, {TARGET})", (GATE,), wait)
    _take(writer, NAMED_LOCKS, (NAMED, list(application_ids)), wait)
    log.debug("gate shared, and locks of the named applications taken")


def hold_follow_lock(connection: Connection) -> None:
    """Be the only `follow`, until the connection's transaction ends. Raises `Locked`."""
    take = f"SELECT pg_advisory_xact_lock(%s, {TARGET})"
    with connection.cursor() as cursor:
        if not _is_taken(cursor, take, (FOLLOW,), AT_ONCE):
            raise Locked(
                f"another `clickstats follow` is under way: {_holder(cursor, FOLLOW)}; one is "
                "enough for each schema of a database"
            )


def _holder(cursor: Cursor, lock: int) -> str:
    """Who holds a lock, in words."""
    cursor.execute(HOLDER, (lock, NAMED))
    name, pid, since = cursor.fetchone() or (None, None, None)
    return f"{name or 'a session of another role'}" + (
        f", process {pid} of the server, since {since} UTC" if since else ""
    )


def _take(
    connection: Connection, take: str, parameters: tuple[int] | tuple[int, list[str]], wait: int
) -> None:
    """Take locks of one kind, which is the first parameter; after a moment say who holds them."""
    with connection.cursor() as cursor:
        if _is_taken(cursor, take, parameters, AT_ONCE):
            return
        holder = _holder(cursor, parameters[0])
        if wait:
            log.info("waiting up to %s s for another run: %s", wait, holder)
            if _is_taken(cursor, take, parameters, wait):
                return
    raise Locked(
        f"another run is under way: {holder}; wait for it, or use `run --all --wait SECONDS`"
    )


def _is_taken(
    cursor: Cursor, take: str, parameters: tuple[int] | tuple[int, list[str]], seconds: float
) -> bool:
    cursor.execute("SAVEPOINT waiting")
    try:
        with time_limit(cursor, "lock_timeout", f"{seconds * 1000:.0f}ms"):
            cursor.execute(take, parameters)
    except errors.LockNotAvailable:
        cursor.execute("ROLLBACK TO waiting")
        return False
    cursor.execute("RELEASE waiting")
    return True
