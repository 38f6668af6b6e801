"""How columns of the source are read: times in UTC whatever they are stored as, and optional
columns where they can be read. A statement gets what stands for its tables put in front."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from pipeline.definition import Definition
from schema.columns import INTEGERS, OF_OUTCOMES, OPTIONAL, READ
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CLASSES_OF = {"user_agent": "declared", "ip_address": "network or own"}  # optional columns
INSTANTS = "timestamp with time zone"  # needs no zone
TIMES = (INSTANTS, "timestamp without time zone", "date")
ADDRESSES = ("inet", "cidr")
# AT TIME ZONE fails at the ends of what a timestamp can hold
IN_UTC = (
    "CASE WHEN {column} BETWEEN '1969-12-30' AND '2100-01-03' "
    "THEN {column}::timestamp AT TIME ZONE {zone} AT TIME ZONE 'UTC' END AS {column}"
)


@dataclass(frozen=True)
class SourceColumns:
    """The columns whose type or presence decides, by table and name, with their type."""

    types: Mapping[tuple[str, str], str]

    @property
    def optional(self) -> tuple[str, ...]:
        """The optional columns of link_clicks that can be read."""
        return tuple(name for name in OPTIONAL if ("link_clicks", name) in self.types)

    def select(
        self, table: str, definition: Definition, *, optional: Collection[str] = ()
    ) -> sql.Composable:
        """What is selected of a table: its columns in UTC, and of the optional ones those that are
        asked for and there; the others are null."""
        zones = {
            ("link_clicks", "clicked_at"): definition.time.clicks,
            ("job_applications", "created_at"): definition.time.applications,
        }
        columns: list[sql.Composable] = []
        for name in READ[table]:
            column, kind = sql.Identifier(name), self.types.get((table, name))
            zone = zones.get((table, name), "UTC")
            if name in OPTIONAL and not (name in optional and kind):
                columns.append(sql.SQL("NULL::{} AS {}").format(sql.SQL(TYPES[name]), column))
            elif name in OPTIONAL:
                columns.append(sql.SQL("{1}::{0} AS {1}").format(sql.SQL(TYPES[name]), column))
            else:
                columns.append(self.in_utc(table, name, zone))
        return sql.SQL(", ").join(columns)

    def in_utc(self, table: str, name: str, zone: str) -> sql.Composable:
        """A column in UTC whose times without a zone are of this one."""
        column = sql.Identifier(name)
        if zone == "UTC" or self.types.get((table, name)) == INSTANTS:
            return column
        return sql.SQL(IN_UTC).format(column=column, zone=sql.Literal(zone))

    def of_outcomes(self, definition: Definition) -> sql.Composable | None:
        """What is put in front of a statement that asks what became of the applications: null
        response times where there are none; None where there is no status."""
        table, (status, responded) = "job_applications", OF_OUTCOMES
        if (table, status) not in self.types:
            return None
        times: sql.Composable = sql.SQL("NULL::timestamp AS {}").format(sql.Identifier(responded))
        if self.has_response_times:
            times = self.in_utc(table, responded, definition.time.applications)
        return sql.SQL("WITH {0} AS NOT MATERIALIZED (SELECT id, {1}, {2} FROM {0})\n").format(
            sql.Identifier(table), sql.Identifier(status), times
        )

    @property
    def has_response_times(self) -> bool:
        """Whether job_applications says when it was first responded to."""
        return self.types.get(("job_applications", OF_OUTCOMES[1])) in TIMES

    def in_front(
        self, tables: Collection[str], definition: Definition, *, optional: Collection[str] = ()
    ) -> sql.Composable:
        """What is put in front of a statement that reads these tables, for it to read in UTC."""
        stand_ins = [
            sql.SQL("{0} AS NOT MATERIALIZED (SELECT {1} FROM {0})").format(
                sql.Identifier(table), self.select(table, definition, optional=optional)
            )
            for table in tables
        ]
        return sql.SQL("WITH {}\n").format(sql.SQL(", ").join(stand_ins))


# texts compare by their bytes, whatever the column's collation finds equal
TYPES = {"user_agent": 'text COLLATE "C"', "ip_address": "inet"}


def source_columns(connection: Connection) -> SourceColumns:
    """Ask the server which there are, of what type, and may be read."""
    with connection.cursor() as cursor:
        cursor.execute(statement("source_columns"), {"integers": INTEGERS})
        found = {
            (table, name): kind
            for table, name, kind, is_text, is_read in cursor.fetchall()
            if (is_read or name not in (*OPTIONAL, *OF_OUTCOMES))
            and (name != "ip_address" or kind in ADDRESSES)
            and (name != "user_agent" or is_text)
        }
    return SourceColumns(found)
