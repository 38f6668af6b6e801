"""Change capture: triggers on the source by which `run --changed` knows what to compute.

Turns it on and off, and says how it stands; what it has told of is read by `pipeline.captured`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from psycopg2 import errors, sql

from pipeline.captured import is_there, waits
from pipeline.database.connection import rows_by_name, session, time_limit
from pipeline.errors import ConfigurationError, Refused, SchemaError
from pipeline.run_report import RunReport
from pipeline.settings import Settings
from pipeline.source_shape import refuse_shadows
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

# triggers need their tables for themselves for a moment, and who waits for that keeps writers
# waiting; the server looks for a deadlock after a second: by then all is held, or let go
PATIENCE, AT_ONCE, PAUSE = 5, "150ms", 0.2
FUNCTIONS = {
    "job_applications": "clickstats_capture_applications",
    "jobs": "clickstats_capture_jobs",
    "link_clicks": "clickstats_capture_clicks",
    "link_tracking": "clickstats_capture_links",
}
REFERENCING = {
    "insert": "REFERENCING NEW TABLE AS come",
    "update": "REFERENCING OLD TABLE AS gone NEW TABLE AS come",
    "delete": "REFERENCING OLD TABLE AS gone",
    "truncate": "",
}
# one may be there: a table that was moved takes along those of its old schema
TRIGGER = """
CREATE OR REPLACE TRIGGER {} AFTER {} ON {} {}
FOR EACH STATEMENT EXECUTE FUNCTION {}()
"""
LOCK = sql.SQL("LOCK TABLE ONLY {} IN {} MODE")
GRANT = "GRANT SELECT, DELETE ON clickstats_changes TO {}"
FORMS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
ANEW = "and turn capture off and on again; or use `run --all`"  # what was missed till then
LAST_PUBLISHED = """
SELECT clock_timestamp()::timestamp, timezone, fingerprint
FROM clickstats_runs
WHERE command = 'run --all' AND outcome = 'published'
ORDER BY number DESC
LIMIT 1
"""
UNLOGGED = """
SELECT relname
FROM pg_class
WHERE
    relpersistence = 'u'
    AND oid IN (
        to_regclass('clickstats_changes'), to_regclass('link_click_analytics'),
        to_regclass('link_click_readings')
    )
ORDER BY relname
"""
KEEPING_OUT = """
SELECT string_agg(found.name, ', ' ORDER BY found.name)
FROM (
    SELECT 'trigger ' || t.tgname AS name
    FROM pg_trigger AS t
    WHERE
        t.tgrelid = to_regclass('clickstats_changes')
        AND t.tgenabled IN ('O', 'A')
        AND t.tgtype & 7 = 7 -- for each row, before, insert
    UNION ALL
    SELECT 'rule ' || r.rulename
    FROM pg_rewrite AS r
    WHERE
        r.ev_class = to_regclass('clickstats_changes')
        AND r.ev_type = '3'
        AND r.ev_enabled IN ('O', 'A')
) AS found
"""
IS_UNLOGGED = "is UNLOGGED, and a crash or a failover empties it"
WAITING = "SELECT count(*), min(changed_at) FROM clickstats_changes"


@dataclass(frozen=True)
class Capture:
    """How change capture stands: `problems` keep it from telling all, one sentence each; so many
    `changes` wait for a run, the oldest of them `since` then (UTC)."""

    is_on: bool
    problems: tuple[str, ...] = ()
    changes: int = 0
    since: datetime | None = None


def turn_on(settings: Settings) -> bool:
    """Make the triggers, all in one transaction, and let the next `run --changed` compute
    everything; False when all are there already.

    Raises `ConfigurationError` where a source is a view, `SchemaError` for a role that does not own
    the source, `Refused` when a table is in use for too long.
    """
    with _altering(settings) as connection, connection.cursor() as cursor:
        tables = _tables(connection)
        _refuse(tables)
        if ours := [name for name in _unlogged(connection) if name != "clickstats_changes"]:
            raise ConfigurationError(
                f"{ours[0]} {IS_UNLOGGED}, after which no round knows what is missing; expected "
                "ALTER TABLE … SET LOGGED; do so, or use `run --all`"
            )
        if _is_whole(connection):
            return False
        _hold(connection, FUNCTIONS)
        if _is_whole(connection):  # somebody else was quicker
            return False
        roles = rows_by_name(connection, statement("writers_of_target"), {})
        if not roles:
            raise SchemaError("table link_click_analytics is missing: run `clickstats migrate`")
        cursor.execute(statement("capture_off"))
        cursor.execute(statement("capture_on"))
        for table, event in _expected(tables):
            cursor.execute(_trigger(table, event))
        # whoever writes the result is to know what to compute
        for role in roles:
            grantee = sql.Identifier(role["role"]) if role["role"] else sql.SQL("PUBLIC")
            cursor.execute(sql.SQL(GRANT).format(grantee))
        cursor.execute("INSERT INTO clickstats_changes DEFAULT VALUES")
    return True


def turn_off(settings: Settings) -> bool:
    """Take away the triggers, and what they have told of; False when there is nothing of them."""
    with _altering(settings) as connection, connection.cursor() as cursor:
        _hold(connection, {row["name"] for row in _triggers(connection)})
        was_there = is_there(connection) or bool(_triggers(connection))
        cursor.execute(statement("capture_off"))
    return was_there


def state(settings: Settings) -> Capture:
    """How change capture stands."""
    with session(settings) as connection, connection.cursor() as cursor:
        if not is_there(connection):
            return Capture(is_on=False)
        cursor.execute(WAITING)
        changes, since = cursor.fetchone()  # type: ignore[misc]
        return Capture(True, tuple(problems(connection)), changes, since)


def problems(connection: Connection) -> list[str]:
    """What keeps capture from telling of all changes, one sentence each."""
    tables = _tables(connection)
    triggers = _triggers(connection)
    there = {(row["name"], row["trigger"].rpartition("_")[2]): row["is_on"] for row in triggers}
    found = _unseen(tables)
    for name in _expected(tables):
        if name not in there:
            found.append("no trigger tells of each {1} on {0}".format(*name))
        elif not there[name]:
            found.append("the trigger that tells of each {1} on {0} is disabled".format(*name))
    functions = {(row["function"], row["is_here"], row["body"]) for row in triggers}
    for function, is_here, body in sorted(functions):
        if not is_here:
            found.append(f"{function} notes changes in another schema")
        elif body not in statement("capture_on"):
            found.append(f"{function} is of another version of clickstats")
    with connection.cursor() as cursor:
        found += [f"{name} {IS_UNLOGGED}" for name in _unlogged(connection)]
        cursor.execute(KEEPING_OUT)
        (names,) = cursor.fetchone()  # type: ignore[misc]
        if names:
            found.append(f"{names} may keep changes out of clickstats_changes")
    return found


def nothing_waits(settings: Settings) -> RunReport | None:
    """The report of a `run --changed` that finds nothing to do; None when there is something.

    Raises `ConfigurationError` unless capture tells of all changes, and for a definition other than
    the published one.
    """
    with session(settings) as connection:
        return idle(connection, settings)


def idle(connection: Connection, settings: Settings) -> RunReport | None:
    """The same, over a connection that is there."""
    refuse_unless_on(connection)
    if settings.definition_file or settings.timezone:
        from pipeline.choice import chosen, refuse_to_mix  # which load Polars

        refuse_to_mix(chosen(connection, settings))
    if waits(connection):
        return None
    with connection.cursor() as cursor:
        cursor.execute(LAST_PUBLISHED)
        found = cursor.fetchone()
        return RunReport(settings.run_id, *found) if found else None


def refuse_unless_on(connection: Connection) -> None:
    """Raise `ConfigurationError` unless capture tells of all changes."""
    found = problems(connection)  # first: whoever turns it off meanwhile takes the table, too
    if not is_there(connection):
        raise ConfigurationError(
            "change capture is off, so nobody knows what changed; `clickstats capture on` starts it"
        )
    if found:
        raise ConfigurationError(
            f"change capture misses changes: {'; '.join(found)}; `clickstats capture on` mends it, "
            "or says why not"
        )


def _unlogged(connection: Connection) -> list[str]:
    """Which tables of ours that rounds rely on a crash would empty."""
    with connection.cursor() as cursor:
        cursor.execute(UNLOGGED)
        return [name for (name,) in cursor.fetchall()]


def _is_whole(connection: Connection) -> bool:
    return is_there(connection) and not problems(connection)


@contextmanager
def _altering(settings: Settings) -> Iterator[Connection]:
    """A session that alters the source."""
    with session(settings) as connection:
        refuse_shadows(connection, settings.schema)
        yield connection


def _hold(connection: Connection, names: Iterable[str]) -> None:
    """Lock these tables of the source, and the table of changes, or nothing: who waits for a table
    with another in hand may be half of a deadlock, of which the server may end the other half.

    Raises `Refused` when one is in use for too long.
    """
    until = monotonic() + PATIENCE
    # who only reads is in the way of triggers that go, and of nothing else
    mode = "ACCESS EXCLUSIVE" if _triggers(connection) else "SHARE ROW EXCLUSIVE"
    with connection.cursor() as cursor, time_limit(cursor, "lock_timeout", AT_ONCE):
        cursor.execute("SAVEPOINT holding")
        while True:
            try:
                for name in sorted(names):
                    cursor.execute(LOCK.format(sql.Identifier(name), sql.SQL(mode)))
                if is_there(connection):
                    cursor.execute("LOCK TABLE clickstats_changes")
                return
            except errors.LockNotAvailable as error:
                if monotonic() > until:
                    raise Refused(
                        f"a table is in use for longer than {PATIENCE} s: "
                        f"{error.diag.message_primary}; nothing was changed; try again when no "
                        "long transaction and no run is under way"
                    ) from error
                cursor.execute("ROLLBACK TO holding")
                sleep(PAUSE)


def _tables(connection: Connection) -> list[dict[str, Any]]:
    return rows_by_name(connection, statement("capture_tables"), {})


def _refuse(tables: list[dict[str, Any]]) -> None:
    """Refuse a source whose changes no trigger sees, and one of somebody else."""
    there = {table["name"] for table in tables}
    if missing := [name for name in FUNCTIONS if name not in there]:
        raise SchemaError(f"{', '.join(missing)} missing: see `clickstats migrate --check`")
    if found := _unseen(tables):
        raise ConfigurationError("; ".join(found))
    for table in tables:
        if not table["is_owned"]:
            raise SchemaError(
                f"{table['name']} belongs to {table['owner']}: turn capture on and off as that role"
            )


def _unseen(tables: list[dict[str, Any]]) -> list[str]:
    """What no trigger would see, one sentence each."""
    found = []
    for table in tables:
        name = table["name"]
        if form := FORMS.get(table["kind"]):
            found.append(
                f"{name} is {form}, whose changes no trigger sees: capture would have to be on "
                f"{table['below'] or 'the tables behind it'}; put a table in its place, or use "
                "`run --all`"
            )
        found += [
            f"column {column} is generated VIRTUAL, and triggers find null in it; expected it "
            f"STORED; drop it and add it so, {ANEW}"
            for column in table["virtual"]
        ]
        if table["far"]:
            found.append(
                f"{name} has parts that are foreign tables, whose changes no trigger sees: "
                f"{table['far']}; expected tables of this database; detach them, {ANEW}"
            )
        if table["unlogged"]:
            found.append(
                f"a crash of the server or a failover empties what is UNLOGGED, and no trigger "
                f"tells: {table['unlogged']}; expected ALTER TABLE … SET LOGGED; do so, {ANEW}"
            )
        if table["fed"]:
            found.append(
                f"{name} is filled by logical replication, which fires no trigger of statements: "
                f"subscription {table['fed']}; use `run --all`; where "
                f"the subscription is of no use any more, drop it, {ANEW}"
            )
        if table["hands_on"]:
            found.append(
                f"{name} has children, into which {table['hands_on']} may put what is inserted, by "
                "statements that fire no trigger here; expected a partitioned table, which needs "
                f"none; make it one, or drop {table['hands_on']}, {ANEW}"
            )
        if table["parents"] and not table["is_tied"]:
            found.append(
                f"{name} is a part of {table['parents']}, and statements that name that one fire "
                f"no trigger here; expected a table of its own; detach it, {ANEW}"
            )
    return found


def _expected(tables: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The tables and events of which triggers tell; where a foreign key ties applications to jobs,
    the applications tell of jobs."""
    return [
        (table["name"], event) for table in tables if not table["is_tied"] for event in REFERENCING
    ]


def _triggers(connection: Connection) -> list[dict[str, Any]]:
    return rows_by_name(connection, statement("capture_triggers"), {})


def _trigger(table: str, event: str) -> sql.Composable:
    function = "clickstats_capture_truncate" if event == "truncate" else FUNCTIONS[table]
    return sql.SQL(TRIGGER).format(
        sql.Identifier(f"clickstats_capture_{event}"),
        sql.SQL(event.upper()),
        sql.Identifier(table),
        sql.SQL(REFERENCING[event]),
        sql.Identifier(function),
    )
