"""Recomputes in SQL inside the database, sharing nothing with the Polars path, and compares every
column with what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from pipeline.ledger import chosen
from pipeline.rewrites import read_steadily
from pipeline.settings import Settings
from schema.columns import ANALYTICS
from schema.sql import reference, statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

COLUMNS = list(ANALYTICS)
# the same value in two forms ('24:00:00' and '1 day') is no difference, so PostgreSQL compares;
# the values are then shown as its text
DIFFERENT = """
SELECT expected.application_id, stored.id IS NULL, {expected}, {stored}, {late}
FROM ({reference}) AS expected
LEFT JOIN link_click_analytics AS stored USING (application_id)
WHERE ({expected_row}) IS DISTINCT FROM ({stored_row}) OR stored.id IS NULL
ORDER BY expected.application_id
"""
LATE = """
EXISTS (
    SELECT FROM link_tracking AS link JOIN link_clicks AS click USING (tracking_id)
    WHERE link.application_id = expected.application_id AND click.clicked_at > {last_published}
)
OR EXISTS (
    SELECT FROM job_applications AS application
    WHERE application.id = expected.application_id AND application.created_at > {last_published}
)
"""
# a parallel plan would sort and group all clicks in each of its processes
ONE_PROCESS = (
    "SET LOCAL work_mem = '256MB'; SET LOCAL jit = off; "
    "SET LOCAL max_parallel_workers_per_gather = 0"
)


@dataclass(frozen=True)
class Difference:
    """One column of one application that is not what it should be, as PostgreSQL's text."""

    application_id: str
    column: str
    stored: str | None
    expected: str | None


@dataclass
class Verification:
    """What `verify` found; `outdated` applications have a click, or were created, after the last
    published snapshot, and are no difference."""

    timezone: str
    last_published: datetime | None = None
    last_timezone: str | None = None  # of the last published run
    applications: int = 0
    outdated: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def other_timezone(self) -> str | None:
        """The last published run's time zone, when that is not the one that was compared."""
        return None if self.last_timezone == self.timezone else self.last_timezone


def verify(
    settings: Settings, application_ids: Sequence[str] = (), sample: int | None = None
) -> Verification:
    """Compare all applications, the named ones, or a random sample, at one snapshot."""
    return read_steadily(
        settings,
        lambda connection: _verify(
            connection, chosen(connection, settings).timezone, application_ids, sample
        ),
    )


def _verify(
    connection: Connection, timezone: str, application_ids: Sequence[str], sample: int | None
) -> Verification:
    with connection.cursor() as cursor:
        cursor.execute(ONE_PROCESS)
        cursor.execute(statement("baseline"))
        *_, last_timezone, last_published, _ = cursor.fetchone() or (None, None, None)
        found = Verification(timezone, last_published, last_timezone)
        if sample is not None:
            cursor.execute("SELECT id FROM job_applications ORDER BY random() LIMIT %s", (sample,))
            application_ids = [row[0] for row in cursor]
        found.applications = _applications(connection, application_ids)
        if found.applications == 0:
            return found
        cursor.execute(
            _different(found.last_published),
            {**reference.BUILT_IN, "timezone": timezone, "application_ids": list(application_ids)},
        )
        for application_id, missing, *values, late in cursor:
            if late:
                found.outdated += 1
            else:
                found.differences += _columns(application_id, missing, values)
    return found


def _different(last_published: datetime | None) -> sql.Composable:
    def columns(table: str, form: str) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL(form).format(sql.Identifier(table, name)) for name in COLUMNS
        )

    late = sql.SQL(LATE).format(last_published=sql.Literal(last_published))
    return sql.SQL(DIFFERENT).format(
        expected=columns("expected", "{}::text"),
        stored=columns("stored", "{}::text"),
        expected_row=columns("expected", "{}"),
        stored_row=columns("stored", "{}"),
        reference=sql.SQL(reference.rows()),
        late=late if last_published else sql.SQL("false"),
    )


def _columns(application_id: str, missing: bool, values: list[Any]) -> Iterator[Difference]:
    if missing:
        yield Difference(application_id, "(row)", None, "a row")
        return
    for name, wanted, there in zip(COLUMNS, values, values[len(COLUMNS) :], strict=False):
        if wanted != there:
            yield Difference(application_id, name, there, wanted)


def _applications(connection: Connection, application_ids: Sequence[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM job_applications"
            " WHERE cardinality(%(ids)s::uuid[]) = 0 OR id = ANY (%(ids)s::uuid[])",
            {"ids": list(application_ids)},
        )
        count: int = cursor.fetchone()[0]  # type: ignore[index]
        return count
