"""The shape of a table in sentences, of our metadata and of a real table alike, so that the two can
be compared as sets."""

import re
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CheckConstraint, CreateIndex

from schema.sql import statement

NAME = r'(?:\w+|"(?:[^"]|"")*")'
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
# what is said of each foreign key, without those that the server keeps for partitions: only
# PostgreSQL 18 has some that are declared and do nothing
REMARKS = text("""
SELECT
    conname,
    CASE WHEN to_jsonb(con) ->> 'conenforced' = 'false'
        THEN ' not enforced: ALTER TABLE ' || :name || ' ALTER CONSTRAINT '
            || quote_ident(conname) || ' ENFORCED'
        ELSE ''
    END
FROM pg_constraint AS con
WHERE contype = 'f' AND conrelid = to_regclass(:name) AND conparentid = 0
""")
KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}


class FoundColumn(NamedTuple):
    """A column of a real table, as schema/sql/table_columns.sql tells it."""

    name: str
    type: str
    base: str
    is_not_null: bool
    is_generated: bool
    default: str | None


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a table or view of that name on the search path."""
    query = text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.execute(query, {"name": name}).scalar_one())


def columns(connection: Connection, name: str) -> list[FoundColumn]:
    """The columns of the table or view of that name on the search path."""
    rows = connection.exec_driver_sql(statement("table_columns"), {"name": name})
    return [FoundColumn(*row) for row in rows]


def other_form(connection: Connection, name: str) -> str | None:
    """What stands under that name on the search path in place of an ordinary table."""
    query = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)")
    return KINDS.get(connection.execute(query, {"name": name}).scalar_one())


def expected(table: Table) -> set[str]:
    """The shape that our metadata gives a table, without its indexes and its comment."""
    shape = {
        _column(
            column.name,
            column.type.compile(dialect=DIALECT).lower(),
            bool(column.nullable),
            str(getattr(column.server_default, "arg", "")),
        )
        for column in table.columns
    }
    shape.add(_primary_key([column.name for column in table.primary_key.columns]))
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            shape.add(_check(constraint.name, constraint.sqltext))
    for key in table.foreign_keys:
        shape.add(
            _foreign_key(key.parent.name, key.column.table.name, key.column.name, key.ondelete)
        )
    return shape


def found(connection: Connection, name: str) -> set[str]:
    """The shape of the table of that name on the search path."""
    inspector = inspect(connection)
    shape = {
        _column(column.name, column.type.replace(",", ", "), not column.is_not_null, column.default)
        + (" generated" if column.is_generated else "")
        for column in columns(connection, name)
    }
    shape.add(_primary_key(inspector.get_pk_constraint(name)["constrained_columns"]))
    for check in inspector.get_check_constraints(name):
        shape.add(_check(check["name"], check["sqltext"]))
    remarks = dict(tuple(row) for row in connection.execute(REMARKS, {"name": name}))
    for key in inspector.get_foreign_keys(name):
        if key["name"] not in remarks:
            continue
        shape.add(
            _foreign_key(
                ", ".join(key["constrained_columns"]),
                key["referred_table"],
                ", ".join(key["referred_columns"]),
                key["options"].get("ondelete"),
            )
            + remarks[key["name"]]
        )
    return shape


def expected_indexes(table: Table) -> dict[str, str]:
    """The definition of each index of our metadata, by name."""
    return {
        str(index.name): _index(str(CreateIndex(index).compile(dialect=DIALECT)))
        for index in table.indexes
    }


def found_indexes(connection: Connection, name: str) -> dict[str, str]:
    """The definition of each index of the table of that name on the search path, by name."""
    rows = connection.execute(
        text(
            "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i"
            " JOIN pg_class AS c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = to_regclass(:name) AND i.indisvalid AND NOT i.indisprimary"
        ),
        {"name": name},
    )
    return {index: _index(definition) for index, definition in rows}


def without_keys_to(shape: set[str], table: Table, others: Collection[str]) -> set[str]:
    """The shape without the foreign keys that our metadata gives the table to the other tables,
    whatever table stands in for those."""
    keys = [
        (f"foreign key ({key.parent.name}) to ", f" on delete {key.ondelete}")
        for key in table.foreign_keys
        if key.column.table.name in others
    ]
    return {
        part
        for part in shape
        if not any(part.startswith(start) and part.endswith(end) for start, end in keys)
    }


def _column(name: str, kind: str, nullable: bool, default: str | None) -> str:
    return (
        f"column {name} {kind.replace(' without time zone', '')}"
        f"{'' if nullable else ' not null'}{f' default {default}' if default else ''}"
    )


def _primary_key(columns: list[str]) -> str:
    return f"primary key ({', '.join(columns)})"


def _check(name: object, condition: object) -> str:
    return f"check {name} ({re.sub(r'[()]', '', str(condition))})"


def _foreign_key(column: str, table: str, referred: str, on_delete: str | None) -> str:
    return f"foreign key ({column}) to {table} ({referred}) on delete {on_delete or 'NO ACTION'}"


def _index(definition: str) -> str:
    return (
        re.sub(rf" ON ({NAME}\.)?{NAME} (USING btree )?", " ON ", definition)
        .removeprefix("CREATE ")
        .lower()
    )
