"""Notices that a table was rewritten while it was read, and has the reading start over.

A snapshot is no protection. A run reads a table in several transactions, and VACUUM FULL may move
its rows between two of them. A table that ALTER TABLE has rewritten is empty to an older snapshot
(PostgreSQL manual, Caveats of MVCC). A lock against rewriting would make others wait, and everybody
behind them. So the tables are looked at before the snapshot is taken and after the last of them is
read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg2

from pipeline.database.connection import begin_anew, session
from pipeline.errors import ClickstatsError, Refused
from pipeline.settings import Settings
from pipeline.source_shape import reads_foreign_tables, refuse_shadows
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

Result = TypeVar("Result")
Relations = frozenset[tuple[Any, ...]]  # rows of schema/sql/relations.sql
ATTEMPTS = 3
FOR_ANSWERS = ("companies", "link_click_score_changes")  # what answers read beside what a run does


def unless_rewritten(writer: Connection, work: Callable[[], Result]) -> Result:
    """Do `work` and return its result. It takes a snapshot, reads it, and writes in the writer's
    transaction. When a table is rewritten meanwhile, what it wrote is undone and it is repeated.

    Raises `Refused` when that happens again and again, and over foreign tables at once: to the
    writer their server would go on to show the state that it saw the first time.
    """

    def undo() -> None:
        with writer.cursor() as cursor:
            cursor.execute("ROLLBACK TO before_reading")

    with writer.cursor() as cursor:
        cursor.execute("SAVEPOINT before_reading")
    return _repeated(
        work, lambda: relations(writer), undo, may_repeat=lambda: not reads_foreign_tables(writer)
    )


def read_steadily(
    settings: Settings, read: Callable[[Connection], Result], *, attempts: int = ATTEMPTS
) -> Result:
    """Do `read` and return its result. It reads one snapshot over the connection that it is given.
    When a table is rewritten meanwhile, it is repeated.

    Raises `Refused` when the last attempt fails so, too.
    """
    with session(settings, snapshot=True) as connection:

        def undo() -> None:
            connection.rollback()
            begin_anew(connection, settings)

        refuse_shadows(connection, settings.schema)
        return _repeated(
            lambda: read(connection), lambda: looked_anew(connection, settings), undo, attempts
        )


def looked_anew(connection: Connection, settings: Settings) -> Relations:
    """What there is to read for an answer, by transactions of its own: one that has a snapshot sees
    no change. The connection's next statement takes another snapshot."""
    connection.rollback()
    begin_anew(connection, settings)
    try:
        return relations(connection, FOR_ANSWERS)
    finally:
        connection.rollback()
        begin_anew(connection, settings)


def relations(connection: Connection, beside: Sequence[str] = ()) -> Relations:
    """What there is to read, down to the files; of these tables, too."""
    with connection.cursor() as cursor:
        cursor.execute(statement("relations"), {"beside": list(beside)})
        return frozenset(cursor)


def _repeated(
    work: Callable[[], Result],
    look: Callable[[], Relations],
    undo: Callable[[], None],
    attempts: int = ATTEMPTS,
    may_repeat: Callable[[], bool] = lambda: True,
) -> Result:
    for _ in range(attempts):
        before = look()
        try:
            result = work()
        except (ClickstatsError, psycopg2.Error):
            if not (changed := before ^ _after(undo, look, before)):
                raise
        else:
            if not (changed := before ^ look()):
                return result
            undo()
        names = ", ".join(sorted({name for _, name, *_ in changed}))
        log.warning("rewritten while it was read: %s", names)
        if not may_repeat():
            break
    raise Refused(
        f"rewritten while it was read, by VACUUM FULL, CLUSTER, ALTER TABLE, TRUNCATE or the like: "
        f"{names}; nothing was written; run again when that is over"
    )


def _after(undo: Callable[[], None], look: Callable[[], Relations], before: Relations) -> Relations:
    """What there is to read after a failure; when that cannot be known, the same as before it."""
    try:
        undo()
        return look()
    except (ClickstatsError, psycopg2.Error):
        return before
