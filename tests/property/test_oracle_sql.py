"""Random worlds: the oracle in Python and the reference in PostgreSQL must agree on every value.

Two implementations in two languages, both written straight from the specification, so that each can
vouch for the other before the pipeline is compared with them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection

from schema.sql import reference, statement
from tests.engines import (
    by_reference,
    classes_by_oracle,
    classes_by_reference,
    over,
    parameters,
    readings_by_reference,
)
from tests.oracle import Counts, Definition, Expected, Reading, World, counts, expected, readings
from tests.strategies import examples, worlds
from tests.strategies_of_origins import definitions, situations

REFERENCE_COUNTS = statement("reference_counts")

TABLES = ""
TIMESTAMPTZ_VIEWS = """
    create temp view job_applications as
        select id, job_id, created_at at time zone 'UTC' as created_at from public.job_applications;
    create temp view link_clicks as
        select tracking_id, clicked_at at time zone 'UTC' as clicked_at, user_agent, ip_address
        from public.link_clicks;
"""
sources = pytest.mark.parametrize(
    "views", [TABLES, TIMESTAMPTZ_VIEWS], ids=["tables", "timestamptz views"]
)
quickly = settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # load() starts afresh each time
)
anything = st.tuples(worlds(), definitions) | situations()


@sources
@quickly
@given(situation=anything)
def test_every_column_of_every_row(
    source: connection, views: str, situation: tuple[World, Definition]
) -> None:
    world, definition = situation
    meant = as_read(definition, views)
    assert by_reference(source, world, definition, views) == expected(world, meant)


@sources
@quickly
@given(situation=situations())
def test_the_class_of_every_click(
    source: connection, views: str, situation: tuple[World, Definition]
) -> None:
    world, definition = situation
    meant = as_read(definition, views)
    assert classes_by_reference(source, world, definition, views) == classes_by_oracle(world, meant)


@sources
@quickly
@given(situation=anything)
def test_both_readings(source: connection, views: str, situation: tuple[World, Definition]) -> None:
    world, definition = situation
    meant = as_read(definition, views)
    assert readings_by_reference(source, world, definition, views) == readings(world, meant)


@sources
@quickly
@given(situation=anything)
def test_counts(source: connection, views: str, situation: tuple[World, Definition]) -> None:
    world, definition = situation
    [row] = over(source, world, REFERENCE_COUNTS, parameters(definition), views)
    found = Counts(*row)
    assert found == counts(world, as_read(definition, views))
    assert found.read == found.used + found.unusable + found.unattributed


def as_read(definition: Definition, views: str) -> Definition:
    """Columns that hold instants take no zone."""
    return replace(definition, clicks="UTC", applications="UTC") if views else definition


@pytest.mark.parametrize("missing", reference.OPTIONAL)
@quickly
@given(situation=situations())
def test_what_cannot_be_read_is_null(
    source: connection, missing: str, situation: tuple[World, Definition]
) -> None:
    world, definition = situation
    columns = set(reference.OPTIONAL) - {missing}
    found = over(source, world, reference.classes(columns), parameters(definition, world))
    without = replace(
        world, clicks=tuple(replace(click, **{missing: None}) for click in world.clicks)
    )
    assert of_class(found) == of_class(classes_by_oracle(without, definition).elements())


def of_class(rows: Iterable[tuple[object, ...]]) -> Counter[object]:
    return Counter(row[-1] for row in rows)


@pytest.mark.parametrize(
    ("statement", "row"), [(reference.rows(), Expected), (reference.readings(), Reading)]
)
def test_the_columns_are_those_of_the_oracle(
    source: connection, statement: str, row: type[Expected] | type[Reading]
) -> None:
    with source.cursor() as cursor:
        cursor.execute(statement, reference.BUILT_IN)
        assert cursor.description is not None
        found = [column.name for column in cursor.description]
    assert found == [field.name for field in fields(row)]
