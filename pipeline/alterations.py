"""Notices that something on link_click_analytics or link_click_readings stores other values than a
run has written: triggers, rules, column types.

Costs one look at the catalog where there is nothing of the kind. Else a run keeps what it has
written, and compares it with what is stored at its end, before the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.errors import AuditFailed, Refused
from pipeline.plurals import counted
from pipeline.written import ToWrite
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from pipeline.database.connection import Connection

# in one message to the server; what waits for the commit fires now
ALONE = """
SELECT set_config('clickstats.writes', ({writes}), true);
{text};
SET CONSTRAINTS ALL IMMEDIATE;
SELECT ({writes}) = current_setting('clickstats.writes'), ({answer})
"""
NOW = "SET CONSTRAINTS ALL IMMEDIATE; "  # what waits for the commit fires
KEEP = "INSERT INTO pg_temp.clickstats_written TABLE pg_temp.clickstats_staging"


def altering(cursor: Cursor, first: str = "") -> list[str]:
    """What may alter the rows of a run, in words; another statement may come first."""
    cursor.execute(f"{first}{statement('altering')}")
    return [name for (name,) in cursor.fetchall()]


@dataclass
class Alterations:
    """What may alter the rows of a run, and how many of those it has left to a newer run."""

    cursor: Cursor
    names: list[str]  # as `altering` gives them
    kept: bool = False

    def begin(self) -> None:
        """Keep what is stored before the first row is written."""
        if self.names and not self.kept:
            self.cursor.execute(statement("keep_before"))
            staging = statement("staging")
            self.cursor.execute(staging.replace("clickstats_staging", "clickstats_written"))
            self.kept = True

    def keep(self) -> None:
        """Keep the staged rows, now written, for `refuse`."""
        if self.kept:
            self.cursor.execute(KEEP)

    def refuse(self, wanted: ToWrite, instant: datetime, newer: int) -> None:
        """Raise `AuditFailed` when rows are stored otherwise than they were written, but for the
        `newer` ones, left to a newer run, or when others were altered, or what the run has kept of
        changes of scores. Triggers that would wait for the commit fire now, those of foreign keys
        among them.

        Raises `Refused` when something has come since the first look that may alter rows: none can
        come after the first row is written, since that keeps the table locked."""
        if not self.kept:
            if came := set(altering(self.cursor, NOW)) - set(self.names):
                raise Refused(
                    f"while the run wrote there came: {', '.join(sorted(came))}; "
                    "nothing was written; run again"
                )
            return
        self.cursor.execute("SET LOCAL enable_hashjoin = on")
        self.cursor.execute(NOW)
        looks = {"altered": newer, "altered_readings": 0, "altered_beside": 0}
        if wanted.run:
            looks["altered_changes"] = 0
        parameters = {"instant": instant, "run": wanted.run, "only_stored": wanted.only_stored}
        for look, allowed in looks.items():
            self.cursor.execute(statement(look), parameters)
            altered, first = self.cursor.fetchone()  # type: ignore[misc]
            if altered > allowed:
                rows = counted(altered - allowed, "row is", "rows are")
                raise AuditFailed(
                    f"the audit failed: {rows} stored otherwise than computed, or more than once"
                    f"{f', {first} among them' if first else ''}; "
                    f"look at what alters them: {', '.join(self.names)}; "
                    "nothing was published"
                )


def write_alone(
    connection: Connection, name: str, answer: str, parameters: Mapping[str, object]
) -> Any:
    """Execute the statement of this name, which writes to the ledger, and return what the query
    `answer` finds afterwards. Raises `AuditFailed` when it has written to the target, too, by a
    trigger for instance; triggers that would wait for the commit fire now."""
    text = ALONE.format(writes=statement("writes"), text=statement(name), answer=answer)
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        is_alone, answered = cursor.fetchone()  # type: ignore[misc]
    if not is_alone:
        raise AuditFailed(
            "the audit failed: what was entered in clickstats_runs has altered "
            "link_click_analytics or link_click_readings, too; look for triggers and rules on "
            "clickstats_runs; nothing was published"
        )
    return answered
