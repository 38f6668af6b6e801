"""The shape of a table in sentences, of our metadata and of a real table alike, so that the two can
be compared as sets."""

import re

from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CheckConstraint, CreateIndex

NAME = r'(?:\w+|"(?:[^"]|"")*")'
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def expected(table: Table) -> set[str]:
    """The shape that our metadata gives a table, without its indexes and its comment."""
    shape = {
        _column(
            column.name, column.type, column.nullable, getattr(column.server_default, "arg", "")
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
        _column(column["name"], column["type"], column["nullable"], column["default"] or "")
        for column in inspector.get_columns(name)
    }
    shape.add(_primary_key(inspector.get_pk_constraint(name)["constrained_columns"]))
    for check in inspector.get_check_constraints(name):
        shape.add(_check(check["name"], check["sqltext"]))
    for key in inspector.get_foreign_keys(name):
        shape.add(
            _foreign_key(
                ", ".join(key["constrained_columns"]),
                key["referred_table"],
                ", ".join(key["referred_columns"]),
                key["options"].get("ondelete"),
            )
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


def _column(name: str, kind: object, nullable: bool | None, default: object) -> str:
    of_type = kind.compile(dialect=DIALECT).lower()  # type: ignore[attr-defined]
    return (
        f"column {name} {of_type.replace(' without time zone', '')}"
        f"{'' if nullable else ' not null'}{f' default {default}' if default != '' else ''}"
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
