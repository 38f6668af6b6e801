"""What the foreign keys of our tables would have done, where one is missing or does not fire."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.written import Written
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

log = logging.getLogger("clickstats")


def keyless(cursor: Cursor) -> set[str]:
    """Which of job_applications and jobs no foreign key of ours guards: a view, for instance."""
    cursor.execute(statement("keyless"))
    return {name for name, _ in cursor.fetchall()}


def unguarded_by_keys(
    cursor: Cursor, missing_keys: set[str], *, whole: bool
) -> tuple[set[str], set[str], bool]:
    """Which of job_applications and jobs no foreign key guards now, and in place of which a run
    does the key's work at its end; and whether readings have none. Where the source could have a
    key, the run needs no right for it."""
    cursor.execute(statement("idle_keys"))
    idle = cursor.fetchall()
    are_readings_unguarded = any(ours == "link_click_readings" for ours, _ in idle)
    unguarded = missing_keys.union(name for ours, name in idle if ours == "link_click_analytics")
    replaced = unguarded if whole else set()
    if "job_applications" in replaced - missing_keys and not may_delete(cursor):
        replaced = replaced - {"job_applications"}
    return unguarded, replaced, are_readings_unguarded


def in_place_of(missing_keys: set[str], cursor: Cursor, instant: datetime) -> Written:
    """Do what the foreign keys would have done: forget the jobs that have gone, delete the
    stored rows whose application is gone. Those that this very run has inserted count as never
    inserted."""
    cursor.execute("SET LOCAL enable_hashjoin = on")
    if "jobs" in missing_keys:
        cursor.execute(statement("null_stored_jobs"), {"instant": instant})
    if "job_applications" not in missing_keys:
        return Written()
    cursor.execute(statement("delete_gone"), {"instant": instant})
    deleted, inserted = cursor.fetchone()  # type: ignore[misc]
    log.debug("%s rows without their application deleted", f"{deleted + inserted:,}")
    return Written(inserted=-inserted, gone=inserted, deleted=deleted) + without_readings_of_gone(
        cursor
    )


def without_readings_of_gone(cursor: Cursor) -> Written:
    """Delete the readings whose application and row are gone."""
    cursor.execute("SET LOCAL enable_hashjoin = on")
    cursor.execute(statement("delete_readings_of_gone"))
    return Written(readings_deleted=cursor.rowcount)


def may_delete(cursor: Cursor) -> bool:
    cursor.execute("SELECT has_table_privilege('link_click_analytics', 'DELETE')")
    return cursor.fetchone() == (True,)
