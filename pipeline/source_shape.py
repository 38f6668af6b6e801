"""Finds what in the shape of the tables would make numbers wrong, although the server says nothing.

Asks the server; says each problem in one sentence with what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg2 import errors

from pipeline.database.connection import (
    WITH_INDEXES,
    WITHOUT_INDEXES,
    search_path,
    time_limit,
)
from pipeline.errors import ConfigurationError, Refused, SchemaError
from schema.sql import FUNCTIONS, OPERATORS, statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


# what is expected of columns of texts, and what comes of another type
TEXTS = {
    "tracking_id": "text or varchar with a deterministic collation, or a domain over them: clicks "
    "find their links by the bytes of the text",
    "link_function": "a text or an enum, or a domain over them: the text of another type has signs "
    "of its own, such as quotes",
}


# settings that only a superuser can change, and what comes of them
WRONG = {
    "session_replication_role": ("replica", "so that no foreign key is checked; expected origin"),
    "track_counts": ("off", "so that it cannot be seen what triggers write; expected on"),
    "zero_damaged_pages": ("on", "so that rows of a damaged page count as deleted; expected off"),
    "ignore_checksum_failure": ("on", "so that a damaged page may say anything; expected off"),
}
PATIENCE = "5s"  # of those who read a row of a foreign table
# in an index of texts that was built by another version of its collation not all is found
OUTDATED_COLLATIONS = """
WITH used AS (
    SELECT DISTINCT k.id
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indcollation::oid[]) AS k (id)
    WHERE i.indexrelid >= 16384
)
SELECT 'collation ' || quote_ident(c.collname)
FROM used
JOIN pg_collation AS c ON c.oid = used.id
WHERE c.collversion <> pg_collation_actual_version(c.oid)
"""
OF_THE_DATABASE = """
UNION ALL
SELECT 'the collation of database ' || quote_ident(d.datname)
FROM pg_database AS d
WHERE
    d.datname = current_database()
    AND d.datcollversion <> pg_database_collation_actual_version(d.oid)
    AND 'default'::regcollation IN (SELECT id FROM used)
ORDER BY 1
"""
SINCE_15 = 150_000  # the server knows the version of a database's collation
# what makes each application stand once
TO_KEEP_UNIQUE = {
    "link_click_analytics": "run `clickstats migrate`, which adds the missing unique index",
    "link_click_readings": "ALTER TABLE link_click_readings ADD PRIMARY KEY (application_id)",
}
# whether there is anything that schema/sql/shadows.sql has to look at: that takes longer to plan
CANDIDATES = """
WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
SELECT
    EXISTS (
        SELECT FROM pg_proc
        WHERE pronamespace = (SELECT oid FROM ours) AND proname = ANY (%(functions)s::text[])
    ) OR EXISTS (
        SELECT FROM pg_operator
        WHERE oprnamespace = (SELECT oid FROM ours) AND oprname = ANY (%(operators)s::text[])
    )
"""


def text_problems(connection: Connection) -> list[str]:
    """The tracking ids that compare equal although their texts differ, or that the server does not
    compare, and the link functions whose texts are not what they hold."""
    return [
        f"column {name} is {kind}, expected {TEXTS[column]}; change its type, or read it through a "
        "view that casts it"
        for name, column, kind in _rows(connection, "text_types")
    ] + [
        f"link_clicks.tracking_id and link_tracking.tracking_id have two collations, {names}, and "
        "the server compares them by neither; expected the same one; change one column's"
        for (names,) in _rows(connection, "collations")
    ]


def outdated_collations(connection: Connection) -> list[str]:
    """The collations that are of another version than when indexes were built by them, as after an
    upgrade of the system or of an image: which of these still find every text, nobody knows."""
    query = OUTDATED_COLLATIONS
    if connection.server_version >= SINCE_15:
        query += OF_THE_DATABASE
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [name for (name,) in cursor.fetchall()]


def outdated_index_warnings(connection: Connection) -> list[str]:
    """What a run says of them, and `migrate --check`."""
    return [
        f"{name} is of another version than when indexes were built by it, which may no longer "
        "find every text: tracking ids are looked up without indexes, which takes longer; REINDEX "
        "DATABASE, then ALTER DATABASE or COLLATION … REFRESH [COLLATION] VERSION"
        for name in outdated_collations(connection)
    ]


def read_past_outdated_indexes(connection: Connection) -> bool:
    """Have the transaction read without indexes where some may not find every text; whether so."""
    if is_so := bool(outdated_collations(connection)):
        with connection.cursor() as cursor:
            cursor.execute("; ".join(WITHOUT_INDEXES))
    return is_so


@contextmanager
def past_outdated_indexes(connection: Connection) -> Iterator[None]:
    """The same for a block."""
    is_so = read_past_outdated_indexes(connection)
    yield
    if is_so:
        with connection.cursor() as cursor:
            cursor.execute("; ".join(WITH_INDEXES))


def beyond_snapshot(connection: Connection) -> list[str]:
    """What of the source only a single transaction reads in one state: foreign tables, whose server
    knows nothing of our snapshot, and views that ask for the time or the like."""
    return [reason for reason, _ in _rows(connection, "beyond_snapshot")]


def reads_foreign_tables(connection: Connection) -> bool:
    """Whether some of it is a foreign table, under a view too."""
    return any(is_foreign for _, is_foreign in _rows(connection, "beyond_snapshot"))


def hold_foreign_tables(connection: Connection) -> None:
    """Read a row of each foreign table of the source, so that its server keeps it from being
    truncated or rewritten until the end of the transaction: to the state that is read there from
    now on such a table would be empty, and no catalog here would tell.

    Raises `Refused` when that takes too long: its server has no way to see that a run waits for
    somebody who waits for another connection of the same run.
    """
    for (name,) in _rows(connection, "foreign_parts"):
        with connection.cursor() as cursor, time_limit(cursor, "statement_timeout", PATIENCE):
            try:
                cursor.execute(f"SELECT FROM {name} LIMIT 1")
            except errors.QueryCanceled:
                raise Refused(
                    f"the foreign table {name} could not be read within {PATIENCE}: at its own "
                    "server somebody truncates or alters it, or waits to; nothing was written; run "
                    "again when that is over"
                ) from None


def duplicate_id_problems(connection: Connection) -> list[str]:
    """The ids that stand more than once where clickstats expects unique ones."""
    return [
        f"{name} has {_ids('id', 'ids', ids, first)} more than once; expected a unique id in each "
        "row; mend the table or view"
        for name, ids, first in _rows(connection, "duplicate_ids")
    ]


def duplicate_row_problems(
    connection: Connection, table: str = "link_click_analytics"
) -> list[str]:
    """The applications that stand more than once in one of our two tables."""
    with connection.cursor() as cursor:
        cursor.execute(statement("duplicate_rows").replace("link_click_analytics", table))
        return [
            f"{table} has {_ids('application_id', 'application_ids', applications, first)} more "
            f"than once; expected one row for each; keep one of each, delete the others, then "
            f"{TO_KEEP_UNIQUE[table]}"
            for applications, first in cursor
        ]


def _ids(one: str, several: str, count: int, first: str) -> str:
    return f"the {one} {first}" if count == 1 else f"{count:,} {several}, {first} among them,"


def _rows(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement(name), {})
        return cursor.fetchall()


def refuse_settings(connection: Connection) -> None:
    """Raise `ConfigurationError` when a setting of the session hides what others' triggers do, or
    keeps foreign keys from what they are for."""
    if problems := setting_problems(connection):
        raise ConfigurationError(f"{'; '.join(problems)}; nothing was done")


def setting_problems(connection: Connection) -> list[str]:
    """The settings with which wrong rows could be stored, and no audit would see it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in WRONG))
        found = dict(zip(WRONG, cursor.fetchone(), strict=True))  # type: ignore[arg-type]
    return [
        f"{name} is {value} for this role, {what}; reset it for the role or the database"
        for name, (value, what) in WRONG.items()
        if found[name] == value
    ]


def refuse_shadows(connection: Connection, schema: str) -> None:
    """Raise `SchemaError` when a function or an operator of the schema would be taken for a
    built-in one: it would run with our rights, and say what it likes."""
    if problems := shadow_problems(connection, schema):
        raise SchemaError("; ".join(problems))


def shadow_problems(connection: Connection, schema: str) -> list[str]:
    """The functions and operators of the schema that statements would take for built-in ones."""
    names = {"schema": schema, "functions": FUNCTIONS, "operators": OPERATORS}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp;" + CANDIDATES, names)
        shadows: list[str] = []
        if cursor.fetchone() == (True,):
            cursor.execute(statement("shadows"), names)
            shadows = [name for (name,) in cursor.fetchall()]
        cursor.execute(f"SET LOCAL search_path = {search_path(schema)}")
    return [
        f"{name} would be taken for a built-in one; expected none of this name in the tables' "
        "schema; move it to another"
        for name in shadows
    ]
