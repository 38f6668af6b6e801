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
from tests.oracle import (
    Counts,
    Definition,
    Expected,
    Reading,
    World,
    classes,
    counts,
    counts_by_class,
    expected,
    readings,
)
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
TIMESTAMPTZ_CLICKS = """
    create domain instant as timestamptz;
    create temp view link_clicks as
        select
            tracking_id,
            (clicked_at at time zone 'UTC')::instant as clicked_at,
            user_agent,
            ip_address
        from public.link_clicks;
"""
sources = pytest.mark.parametrize(
    "views",
    [TABLES, TIMESTAMPTZ_VIEWS, TIMESTAMPTZ_CLICKS],
    ids=["tables", "timestamptz views", "only clicks, of a domain"],
)
quickly = settings(
    max_examples=examples(6),
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
    meant = as_read(definition, views)
    assert found == counts(world, meant)
    by_class = reference.counts_by_class()
    rows = over(source, world, by_class, parameters(definition, world), views)
    assert dict(rows) == counts_by_class(world, meant)
    assert found.used == sum(dict(rows).values())
    assert found.read == found.used + found.unusable + found.unattributed


@quickly
@given(situation=situations())
def test_human_clicks_count_as_if_there_were_no_others(situation: tuple[World, Definition]) -> None:
    """What count = "human" gives is what count = "all" gives where every other click is deleted."""
    world, definition = situation
    human = tuple(
        click
        for click, its_class in zip(world.clicks, classes(world, definition), strict=True)
        if its_class == "human"
    )
    assert expected(world, replace(definition, count="human")) == expected(
        replace(world, clicks=human), replace(definition, count="all")
    )


@quickly
@given(situation=situations(), data=st.data())
def test_the_order_of_clicks_does_not_matter(
    situation: tuple[World, Definition], data: st.DataObject
) -> None:
    world, definition = situation
    shuffled = replace(world, clicks=tuple(data.draw(st.permutations(world.clicks))))
    assert classes_by_oracle(shuffled, definition) == classes_by_oracle(world, definition)
    assert readings(shuffled, definition) == readings(world, definition)


def as_read(definition: Definition, views: str) -> Definition:
    """Columns that hold instants take no zone."""
    if "as clicked_at" in views:
        definition = replace(definition, clicks="UTC")
    if "as created_at" in views:
        definition = replace(definition, applications="UTC")
    return definition


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
