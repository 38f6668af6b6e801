"""Who may run beside whom: one `run --all` at a time, and an order among snapshots.

A run's instant is the server's clock when its snapshot is taken. Two runs whose snapshots and
instants could be taken for one another in the wrong order never take them at the same time:

- `run --all` holds the *run* lock from before its snapshot to its commit;
- `run --all` holds the *gate* while it takes its snapshot, alone;
- `run --app-id` shares the gate from before its snapshot to its commit, and holds one lock for each
  of its applications, so that two of them follow one another.

So a row's `calculated_at`, the instant of the run that wrote or confirmed it, says which of two
results is the newer (schema/sql/update.sql). All locks are PostgreSQL's advisory locks, belong to a
transaction and die with it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import errors

from pipeline.errors import Locked

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

log = logging.getLogger("clickstats")

# the first half of each lock's key; the second is the target table, so that schemas don't meet
RUN, GATE, NAMED = 1_668_049_001, 1_668_049_002, 1_668_049_003
TARGET = "'link_click_analytics'::regclass::oid::integer"
HOLDER = """
SELECT a.application_name, a.pid, a.xact_start::timestamp(0)
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = %s AND l.objid = 'link_click_analytics'::regclass::oid
"""


def take_run_lock(writer: Connection, wait: int) -> None:
    """Take the run lock for the writer's transaction, waiting at most so many seconds for it.

    Raises `Locked`, which says who holds it and since when.
    """
    with writer.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock(%s, {TARGET})", (RUN,))
        if cursor.fetchone() == (True,):
            log.debug("run lock taken")
            return
        cursor.execute(HOLDER, (RUN,))
        holder = cursor.fetchone()
        if wait > 0:
            log.info("waiting up to %s s for another run: %s", wait, holder and holder[0])
            cursor.execute("SAVEPOINT waiting")
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{wait}s",))
            try:
                cursor.execute(f"SELECT pg_advisory_xact_lock(%s, {TARGET})", (RUN,))
            except errors.LockNotAvailable:
                cursor.execute("ROLLBACK TO waiting")
            else:
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
                log.debug("run lock taken, after waiting")
                return
    name, pid, since = holder or (None, None, None)
    raise Locked(
        f"another run is under way: {name or 'a session of another role'}"
        + (f", process {pid} of the server, since {since} UTC" if since else "")
        + "; wait for it, or use --wait SECONDS"
    )


def hold_gate_alone(connection: Connection) -> None:
    """Keep out every `run --app-id` until this transaction ends, after those under way."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock(%s, {TARGET})", (GATE,))
    log.debug("gate held alone: no run --app-id is between its snapshot and its commit")


def hold_gate_shared(writer: Connection, application_ids: Sequence[str]) -> None:
    """Keep `run --all` from taking its snapshot, and other runs from the same applications, until
    the writer's transaction ends. 256 locks stand for all applications, taken in one order."""
    with writer.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared(%s, {TARGET})", (GATE,))
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, number) FROM ("
            "SELECT DISTINCT uuid_hash(id) & 255 AS number FROM unnest(%s::uuid[]) AS id"
            " ORDER BY number) AS numbers",
            (NAMED, list(application_ids)),
        )
    log.debug("gate shared, and locks of the named applications taken")
