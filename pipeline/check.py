"""What keeps a role from running clickstats, one sentence each with what to do about it.

Lets the server plan the very statements of a run, since only the server knows which types and
privileges do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import sqlalchemy as sa

from pipeline.database.connection import bound
from pipeline.database.server_errors import MISSING, WRONG_TYPE, meaning
from pipeline.definition import Definition
from pipeline.errors import ClickstatsError, NoConnection
from pipeline.source_columns import source_columns
from pipeline.source_shape import text_problems
from schema import tables
from schema.migrations import VERSION_TABLE
from schema.shape import DIALECT, columns, exists
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from pipeline.database.connection import Connection

TARGET, READINGS = tables.link_click_analytics.name, tables.link_click_readings.name
CHANGES = tables.link_click_score_changes.name
PRIVILEGES = {table.name: "SELECT" for table in tables.source.sorted_tables} | {
    TARGET: "SELECT, INSERT, UPDATE",
    READINGS: "SELECT, INSERT, UPDATE, DELETE",
    CHANGES: "SELECT, INSERT, DELETE",
    tables.clickstats_runs.name: "SELECT, INSERT, UPDATE, DELETE",
    VERSION_TABLE: "SELECT",
    "clickstats_changes": "SELECT, DELETE",  # where change capture is on
}
# of the source the columns that are needed suffice
NEEDED = {table.name: list(table.columns.keys()) for table in tables.source.sorted_tables}
GRANTED = """
SELECT has_table_privilege(to_regclass(:name), :privilege) OR (
    SELECT bool_and(has_column_privilege(attrelid, attnum, :privilege))
    FROM pg_attribute
    WHERE attrelid = to_regclass(:name) AND attname = ANY (CAST(:columns AS text[]))
) IS TRUE
"""
# the statements of a run, and the tables of each
READING = {
    "applications": ("job_applications", "jobs"),
    "links": ("link_tracking",),
    "clicks": ("link_clicks", "link_tracking"),
    "stored": (TARGET, READINGS),
}
WRITING = {
    "drop_gone": ("job_applications",),
    "null_gone_jobs": ("jobs",),
    "mark_stored": (TARGET,),
    "update": (TARGET,),
    "insert": (TARGET,),
    "count_newer": (TARGET,),
    "keep_ours": (TARGET,),
    "record_changes": (CHANGES, READINGS),
    "write_readings": (READINGS,),
    "delete_readings": (READINGS,),
}
DELETING = {
    "delete_gone": (TARGET, "job_applications"),
    "delete_readings_of_gone": (READINGS, CHANGES, TARGET, "job_applications"),
}
SOME_ID = "00000000-0000-0000-0000-000000000000"
PARAMETERS: dict[str, object] = {
    "application_ids": "{}",
    **dict.fromkeys(("first_id", "last_id", "first", "last", "run"), SOME_ID),
    **dict.fromkeys(("seed_1", "seed_2"), "1"),
    **dict.fromkeys(("declared_agents", "machine_networks", "own_networks"), "{}"),
    "instant": datetime(2000, 1, 1),
    "every": True,
    "only_stored": False,
}
TYPES_THAT_DO = {
    "timestamp without time zone": {"timestamp with time zone", "date"},
    "varchar": {"text", "character varying"},
}


def missing_sources(connection: sa.Connection) -> dict[str, list[str]]:
    """For each table of the source, what of it is not there: itself, columns, a view's data."""
    found = {table.name: list(_missing(connection, table)) for table in tables.source.sorted_tables}
    return {name: problems for name, problems in found.items() if problems}


def _missing(connection: sa.Connection, table: sa.Table) -> Iterator[str]:
    if not exists(connection, table.name):
        yield f"table {table.name} is missing: check --schema and the privileges on the schema"
        return
    there = {column.name for column in columns(connection, table.name)}
    for column in table.columns:
        if column.name not in there:
            yield f"column {table.name}.{column.name} is missing: add it"
    populated = sa.text("SELECT relispopulated FROM pg_class WHERE oid = to_regclass(:name)")
    if not connection.execute(populated, {"name": table.name}).scalar_one():
        yield (
            f"materialized view {table.name} has no data yet: REFRESH MATERIALIZED VIEW "
            f"{table.name}"
        )


def missing_privileges(connection: sa.Connection, *, deletes: bool) -> dict[str, list[str]]:
    """For each table, and "" for the database, what this role may not do; with `deletes` it must be
    able to delete from link_click_analytics. Row security is here too: it hides rows."""
    role = connection.execute(sa.text("SELECT quote_ident(current_user)")).scalar_one()
    found: dict[str, list[str]] = {}
    for name, privileges in PRIVILEGES.items():
        for privilege in [*privileges.split(", "), *["DELETE"] * (deletes and name == TARGET)]:
            of_table = {"name": name, "privilege": privilege, "columns": NEEDED.get(name, [])}
            granted = connection.execute(sa.text(GRANTED), of_table).scalar_one()
            if granted is False:
                found.setdefault(name, []).append(
                    f"{role} lacks {privilege} on {name}: GRANT {privilege} ON {name} TO {role}"
                )
        if has_row_security(connection, name):
            found.setdefault(name, []).append(
                f"row security on {name} applies to {role}, and a run must see every row: "
                + _cure(role)
            )
    temporary = "SELECT has_database_privilege(current_database(), 'TEMPORARY'), current_database()"
    granted, database = connection.execute(sa.text(temporary)).one()
    if not granted:
        found[""] = [
            f"{role} may not create temporary tables: GRANT TEMPORARY ON DATABASE {database} "
            f"TO {role}"
        ]
    return found


def has_row_security(connection: sa.Connection, name: str) -> bool:
    """Whether the policies of a table apply to this role; PostgreSQL cannot tell that one hides
    nothing."""
    query = sa.text("SELECT row_security_active(to_regclass(:name)::oid)")
    return bool(connection.execute(query, {"name": name}).scalar_one())


def _cure(role: str) -> str:
    return (
        f"ALTER ROLE {role} BYPASSRLS, or run as the table's owner, without FORCE ROW LEVEL "
        "SECURITY (a policy USING (true) does not help)"
    )


def unplannable(connection: sa.Connection, known: Iterable[str], *, deletes: bool) -> Iterator[str]:
    """What the server refuses of the statements of a run. Of the tables in `known` it was said
    already what is missing."""
    own: Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    known = set(known)
    yield from text_problems(own)
    said: set[str] = set()
    with own.cursor() as cursor, _undone(cursor):
        for name, of in READING.items():
            for problem in _refused(connection, cursor, name, of, known, "read"):
                said.update(of)
                yield problem
        if {TARGET, ""} & (known | said):
            return
        try:
            cursor.execute(statement("staging"))
        except psycopg2.errors.ReadOnlySqlTransaction:
            yield (
                "the server is read-only, a standby perhaps: connect to the primary, with several "
                "hosts by target_session_attrs=read-write"
            )
            return
        for name, of in (WRITING | (DELETING if deletes else {})).items():
            if said.isdisjoint(of):
                yield from _refused(connection, cursor, name, of, known, "written")


def _refused(
    connection: sa.Connection,
    cursor: Cursor,
    name: str,
    of: tuple[str, ...],
    known: set[str],
    verb: str,
) -> Iterator[str]:
    """What the server says to one statement, when it can't plan it."""
    error = None
    with _undone(cursor):
        try:
            text = bound(cursor.connection, statement(name), PARAMETERS)
            if name == "clicks":  # optional columns may not be there
                front = source_columns(cursor.connection).in_front(["link_clicks"], Definition())
                text = front.as_string(cursor.connection) + text
            cursor.execute(f"EXPLAIN {text}")
        except psycopg2.Error as refused:
            error = refused
    if error is None or (error.pgcode in MISSING and not known.isdisjoint(of)):
        return
    means = meaning(error)
    if means is None or isinstance(means, NoConnection):
        raise error
    if error.pgcode in WRONG_TYPE and (wrong := list(_wrong_types(connection, of))):
        yield from (f"{column}; the server says: {error.diag.message_primary}" for column in wrong)
    else:
        yield f"{' and '.join(of)} cannot be {verb}: {_advised(connection, error, means)}"


def _advised(connection: sa.Connection, error: psycopg2.Error, means: ClickstatsError) -> str:
    said = error.diag.message_primary or str(means)
    if error.pgcode != "42501":
        return said
    if "row-level security" in said:
        return f"{said}: " + _cure("its reader")
    return f"{said}: grant it to this role, or to the owner of the view that reads it"


def _wrong_types(connection: sa.Connection, names: tuple[str, ...]) -> Iterator[str]:
    """The columns of another type than those that do without a doubt."""
    for name in names:
        there = {column.name: column for column in columns(connection, name)}
        if name not in tables.source.tables:
            continue  # the differences of our own tables are listed
        for column in tables.source.tables[name].columns:
            expected = column.type.compile(dialect=DIALECT).lower()
            plain = expected.partition("(")[0]
            found = there[column.name]
            if found.base not in {plain} | TYPES_THAT_DO.get(plain, set()):
                yield f"column {name}.{column.name} is {found.type}, expected {expected}"


@contextmanager
def _undone(cursor: Cursor) -> Iterator[Any]:
    """A block whose effects are undone, an error of the server too."""
    cursor.execute("SAVEPOINT trying")
    yield
    cursor.execute("ROLLBACK TO trying; RELEASE trying")
