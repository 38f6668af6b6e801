"""Random worlds: the oracle in Python and reference.sql in PostgreSQL must agree on every value.

Two implementations in two languages, both written straight from the specification, so that each can
vouch for the other before the pipeline is compared with them.
"""

from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from psycopg2.extensions import connection

from schema.sql import statement
from tests.oracle import Counts, Expected, World, counts, expected, microseconds
from tests.strategies import examples, timezones, worlds
from tests.worlds import load

REFERENCE = statement("reference")
REFERENCE_COUNTS = statement("reference_counts")

TABLES = ""
TIMESTAMPTZ_VIEWS = """
    create temp view job_applications as
        select id, job_id, created_at at time zone 'UTC' as created_at from public.job_applications;
    create temp view link_clicks as
        select tracking_id, clicked_at at time zone 'UTC' as clicked_at from public.link_clicks;
"""
sources = pytest.mark.parametrize(
    "views", [TABLES, TIMESTAMPTZ_VIEWS], ids=["tables", "timestamptz views"]
)
quickly = settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # load() starts afresh each time
)


@sources
@quickly
@given(world=worlds(), timezone=timezones)
def test_every_column_of_every_row(
    source: connection, views: str, world: World, timezone: str
) -> None:
    rows = query(source, world, views, REFERENCE, {"timezone": timezone, "application_ids": "{}"})
    found = [Expected(**{name: plain(name, value) for name, value in row.items()}) for row in rows]
    assert {row.application_id: row for row in found} == expected(world, timezone)
    assert len(found) == len(world.applications)


@sources
@quickly
@given(world=worlds())
def test_counts(source: connection, views: str, world: World) -> None:
    [row] = query(source, world, views, REFERENCE_COUNTS, {})
    found = Counts(**{name.removeprefix("clicks_"): value for name, value in row.items()})
    assert found == counts(world)
    assert found.read == found.used + found.unusable + found.unattributed


def query(
    source: connection, world: World, views: str, statement: str, parameters: dict[str, str]
) -> list[dict[str, Any]]:
    """The statement's rows over a database that holds just this world, which is then undone."""
    try:
        load(source, world)
        with source.cursor() as cursor:
            cursor.execute("set local timezone to 'UTC';" + views)
            cursor.execute(statement, parameters)
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
    finally:
        source.rollback()


def plain(name: str, value: Any) -> Any:
    """psycopg2's values as the oracle writes them."""
    if isinstance(value, timedelta):
        return microseconds(value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and name in {"application_id", "job_id"}:
        return UUID(value)
    return value


def test_the_columns_are_those_of_the_target(source: connection) -> None:
    with source.cursor() as cursor:
        cursor.execute(REFERENCE, {"timezone": "UTC", "application_ids": "{}"})
        assert cursor.description is not None
        found = [column.name for column in cursor.description]
    assert found == [field.name for field in fields(Expected)]
