"""Recomputes in SQL inside the database, sharing nothing with the Polars path, and compares every
column with what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crawleruseragents import is_crawler
from psycopg2 import sql

from pipeline.choice import Choice, chosen
from pipeline.definition import Definition
from pipeline.networks import in_both_forms
from pipeline.rewrites import read_steadily
from pipeline.settings import Settings
from pipeline.source_shape import read_past_outdated_indexes
from schema.columns import ANALYTICS, READINGS
from schema.sql import reference

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

# the same value in two forms ('24:00:00' and '1 day') is no difference, so PostgreSQL compares;
# the values are then shown as its text
DIFFERENT = """
SELECT found.application_id, NOT is_stored, NOT is_expected, {values}, {late}
FROM (
    SELECT
        application_id, stored.calculated_at IS NOT NULL AS is_stored,
        expected.is_expected IS NOT NULL AS is_expected, {both}
    FROM (SELECT true AS is_expected, * FROM ({reference}) AS reference) AS expected
    {join} JOIN (
        SELECT * FROM {table} WHERE application_id IN (
            SELECT id FROM job_applications
            WHERE cardinality(%(application_ids)s::uuid[]) = 0
                OR id = ANY (%(application_ids)s::uuid[])
        )
    ) AS stored USING (application_id)
    WHERE ({expected_row}) IS DISTINCT FROM ({stored_row}) OR stored.calculated_at IS NULL
) AS found
JOIN job_applications AS application ON application.id = found.application_id
WHERE {is_open}
ORDER BY found.application_id
"""
# what lies in the future may have been there already
LATE = """
EXISTS (
    SELECT FROM link_tracking AS link JOIN link_clicks AS click USING (tracking_id)
    WHERE
        link.application_id = found.application_id
        AND {clicked_at} BETWEEN {after_published} AND clock_timestamp()::timestamp
)
OR {created_at} BETWEEN {after_published} AND clock_timestamp()::timestamp
"""
# one without a stored row is computed
IS_OPEN = """
(
    {created_at} < {frozen_before}
    AND application.id IN (SELECT kept.application_id FROM link_click_analytics AS kept)
) IS NOT TRUE
"""
COUNT = """
SELECT count(*) FILTER (WHERE {is_open}), count(*) FILTER (WHERE NOT {is_open})
FROM job_applications AS application
WHERE cardinality(%(application_ids)s::uuid[]) = 0 OR id = ANY (%(application_ids)s::uuid[])
"""
# of a column that may hold instants, or times in a zone; nothing far away can be converted
IN_UTC = """
CASE
    WHEN pg_typeof({column} + interval '0') = 'timestamptz'::regtype THEN {column}::timestamp
    WHEN {column} >= '1969-12-30' AND {column} < '2100-01-03'
        THEN ({column}::timestamp AT TIME ZONE {zone})::timestamp
END
"""
# a parallel plan would sort and group all clicks in each of its processes
ONE_PROCESS = "SET LOCAL work_mem = '256MB'; SET LOCAL max_parallel_workers_per_gather = 0"
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Difference:
    """One column of one application that is not what it should be, as PostgreSQL's text."""

    application_id: str
    table: str
    column: str
    stored: str | None
    expected: str | None


@dataclass
class Verification:
    """What `verify` found; `outdated` applications have a click, or were created, since the last
    published snapshot, and are no difference; nor are the `frozen` ones, which keep their rows."""

    timezone: str
    last_published: datetime | None = None
    last_timezone: str | None = None  # of the last published run
    changes: list[str] = field(default_factory=list)  # of the definition since then, in words
    applications: int = 0
    outdated: int = 0
    frozen: int = 0
    differences: list[Difference] = field(default_factory=list)


def verify(
    settings: Settings, application_ids: Sequence[str] = (), sample: int | None = None
) -> Verification:
    """Compare all applications, the named ones, or a random sample, at one snapshot."""
    return read_steadily(
        settings,
        lambda connection: _verify(
            connection, chosen(connection, settings), application_ids, sample
        ),
    )


def _verify(
    connection: Connection, choice: Choice, application_ids: Sequence[str], sample: int | None
) -> Verification:
    last = choice.published
    found = Verification(
        choice.timezone,
        last.snapshot_at if last else None,
        last.timezone if last else None,
        choice.changes,
    )
    read_past_outdated_indexes(connection)
    with connection.cursor() as cursor:
        cursor.execute(ONE_PROCESS)
        if sample is not None:
            cursor.execute("SELECT id FROM job_applications ORDER BY random() LIMIT %s", (sample,))
            application_ids = [row[0] for row in cursor]
        comparison = Comparison(choice, found.last_published)
        parameters: dict[str, object] = {"application_ids": list(application_ids)}
        cursor.execute(comparison.count(), parameters)
        found.applications, found.frozen = cursor.fetchone()  # type: ignore[misc]
        if found.applications == 0:
            return found
        columns = choice.columns
        parameters = _parameters(choice.definition, application_ids)
        if "user_agent" in columns:
            cursor.execute('SELECT DISTINCT user_agent::text COLLATE "C" FROM link_clicks')
            agents = [agent for (agent,) in cursor if agent is not None]
            parameters["declared_agents"] = list(filter(is_crawler, agents))
        outdated = set()
        for table, names, expected, join in (
            ("link_click_analytics", ANALYTICS, reference.rows(choice.count, columns), "LEFT"),
            ("link_click_readings", READINGS, reference.readings(columns), "FULL"),
        ):
            cursor.execute(comparison.different(table, list(names), expected, join), parameters)
            for application_id, missing, unexpected, *values, late in cursor:
                if late:
                    outdated.add(application_id)
                    continue
                row = (missing, unexpected)
                found.differences += _columns(application_id, table, row, list(names), values)
        found.outdated = len(outdated)
    return found


def _parameters(definition: Definition, application_ids: Sequence[str]) -> dict[str, object]:
    clicks, spellings = definition.clicks, definition.spellings
    return {
        "timezone": definition.time.reporting,
        "clicks_zone": definition.time.clicks,
        "applications_zone": definition.time.applications,
        "spellings": list(spellings.keys()),
        "names": list(spellings.values()),
        "trap_functions": list(clicks.trap_functions),
        "machine_networks": in_both_forms(clicks.machine_networks),
        "own_networks": in_both_forms(clicks.own_networks),
        "declared_agents": [],
        "sweep_links": clicks.sweep_links,
        "sweep_seconds": clicks.sweep_seconds,
        "repeat_seconds": clicks.repeat_seconds,
        "application_ids": list(application_ids),
    }


@dataclass
class Comparison:
    """The statements that compare, by one definition."""

    choice: Choice
    last_published: datetime | None

    def count(self) -> sql.Composable:
        """How many applications are compared, and how many are frozen."""
        return sql.SQL(COUNT).format(is_open=self._is_open())

    def different(self, table: str, names: list[str], expected: str, join: str) -> sql.Composable:
        """The rows of a table that are not as `expected`, a statement, has them."""

        def columns(form: str) -> sql.Composable:
            return sql.SQL(", ").join(
                sql.SQL(form).format(
                    name=sql.Identifier(name),
                    wanted=sql.Identifier(f"wanted_{name}"),
                    there=sql.Identifier(f"there_{name}"),
                    # whatever the column's own collation takes for equal
                    bytewise=sql.SQL(' COLLATE "C"' if name == "click_sequence" else ""),
                )
                for name in names
            )

        return sql.SQL(DIFFERENT).format(
            table=sql.Identifier(table),
            join=sql.SQL(join),
            reference=sql.SQL(expected),
            values=columns("{wanted}::text, {there}::text"),
            both=columns("expected.{name} AS {wanted}, stored.{name} AS {there}"),
            expected_row=columns("expected.{name}{bytewise}"),
            stored_row=columns("stored.{name}"),
            is_open=self._is_open(),
            late=self._late(),
        )

    def _late(self) -> sql.Composable:
        if self.last_published is None:
            return sql.SQL("false")
        return sql.SQL(LATE).format(
            clicked_at=self._in_utc("click", "clicked_at", self.choice.definition.time.clicks),
            created_at=self._created_at(),
            after_published=sql.Literal(self.last_published + MICROSECOND),
        )

    def _is_open(self) -> sql.Composable:
        days = self.choice.definition.applications.frozen_after_days
        if days == 0:
            return sql.SQL("true")
        before = sql.SQL("clock_timestamp()::timestamp - make_interval(days => {})")
        return sql.SQL(IS_OPEN).format(
            created_at=self._created_at(), frozen_before=before.format(sql.Literal(days))
        )

    def _created_at(self) -> sql.Composable:
        zone = self.choice.definition.time.applications
        return self._in_utc("application", "created_at", zone)

    def _in_utc(self, table: str, column: str, zone: str) -> sql.Composable:
        return sql.SQL(IN_UTC).format(column=sql.Identifier(table, column), zone=sql.Literal(zone))


def _columns(
    application_id: str, table: str, row: tuple[bool, bool], names: list[str], values: list[Any]
) -> Iterator[Difference]:
    missing, unexpected = row
    if missing or unexpected:
        there, wanted = ("a row", None) if unexpected else (None, "a row")
        yield Difference(application_id, table, "(row)", there, wanted)
        return
    for name, wanted, there in zip(names, values[::2], values[1::2], strict=True):
        if wanted != there:
            yield Difference(application_id, table, name, there, wanted)
