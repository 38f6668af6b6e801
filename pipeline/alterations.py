"""Notices that something on link_click_analytics or link_click_readings stores other values than a
run has written: triggers, rules, column types.

Costs one look at the catalog where there is nothing of the kind. Else a run keeps what it has
written, and compares it with what is stored at its end, before the commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.errors import AuditFailed
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

KEPT = "CREATE TEMPORARY TABLE clickstats_written (LIKE pg_temp.clickstats_staging) ON COMMIT DROP"
KEEP = "INSERT INTO pg_temp.clickstats_written TABLE pg_temp.clickstats_staging"


@dataclass
class Alterations:
    """What may alter the rows of a run, and how many of those it has left to a newer run."""

    cursor: Cursor
    names: list[str] = field(init=False)
    deferrable: list[str] = field(init=False)
    kept: bool = False

    def __post_init__(self) -> None:
        self.cursor.execute(statement("altering"))
        found = self.cursor.fetchall()
        self.names = [name for name, _ in found]
        self.deferrable = [name for _, name in found if name]

    def begin(self) -> None:
        """Keep what is stored before the first row is written."""
        if self.names and not self.kept:
            self.cursor.execute(statement("keep_before"))
            self.cursor.execute(KEPT)
            self.kept = True

    def keep(self) -> None:
        """Keep the staged rows, now written, for `refuse`."""
        if self.kept:
            self.cursor.execute(KEEP)

    def refuse(self, instant: datetime, newer: int) -> None:
        """Raise `AuditFailed` when rows are stored otherwise than they were written, but for the
        `newer` ones, left to a newer run, or when others were altered. Triggers that would wait for
        the commit fire now."""
        if not self.kept:
            return
        self.cursor.execute("SET LOCAL enable_hashjoin = on")
        if self.deferrable:
            self.cursor.execute(f"SET CONSTRAINTS {', '.join(self.deferrable)} IMMEDIATE")
        for look, allowed in (("altered", newer), ("altered_readings", 0), ("altered_beside", 0)):
            self.cursor.execute(statement(look), {"instant": instant})
            altered, first = self.cursor.fetchone()  # type: ignore[misc]
            if altered > allowed:
                raise AuditFailed(
                    f"the audit failed: {altered - allowed} rows are stored otherwise than they "
                    f"were computed, or more than once{f', {first} among them' if first else ''}; "
                    f"look at what alters them: {', '.join(self.names)}; "
                    "nothing was published"
                )
