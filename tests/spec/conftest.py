"""A specification by example holds for the pipeline and for its two twins, which the other tests
compare it with: the oracle in Python and reference.sql."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from psycopg2.extensions import connection

from tests import oracle
from tests.databases import fresh
from tests.drawings import Drawing, application_drawn, named, world_drawn
from tests.drawings_of_origins import OriginsDrawing, origins_drawn
from tests.engines import (
    EngineOfOrigins,
    Rows,
    by_pipeline,
    by_reference,
    oracle_engine,
    pipeline_engine,
    reference_engine,
)
from tests.oracle import World, usable

Engine = Callable[[World, str], Rows]
Specification = Callable[[str], None]


@pytest.fixture(scope="session")
def shared_source(server_url: str, with_sources: str) -> Iterator[connection]:
    """A connection to empty source tables, for those who undo what they do."""
    with fresh(server_url, with_sources) as unmigrated, closing(unmigrated.connect()) as source:
        yield source


@pytest.fixture(params=["pipeline", "oracle", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "reference":
        return partial(by_reference, request.getfixturevalue("shared_source"))
    return by_pipeline if request.param == "pipeline" else oracle.expected


@pytest.fixture
def application(engine: Engine) -> Specification:
    """Holds the drawing of one application against the engine."""
    return lambda text: hold(application_drawn(text), engine)


@pytest.fixture
def applications(engine: Engine) -> Specification:
    """Holds the drawing of a world against the engine."""
    return lambda text: hold(world_drawn(text), engine)


def hold(drawing: Drawing, engine: Engine) -> None:
    rows = engine(drawing.world, drawing.timezone)
    assert rows.keys() == {application.id for application in drawing.world.applications}
    assert drawing.expected
    for application_id, columns in drawing.expected.items():
        found = {name: getattr(rows[application_id], name) for name in columns}
        assert found == columns


@pytest.fixture(params=["pipeline", "oracle", "reference"])
def engine_of_origins(request: pytest.FixtureRequest) -> EngineOfOrigins:
    if request.param == "reference":
        return reference_engine(request.getfixturevalue("shared_source"))
    return pipeline_engine() if request.param == "pipeline" else oracle_engine()


@pytest.fixture
def origins(engine_of_origins: EngineOfOrigins) -> Specification:
    """Holds the drawing of one application, with its clicks' classes, against the engine."""
    return lambda text: hold_origins(origins_drawn(text), engine_of_origins)


def hold_origins(drawing: OriginsDrawing, engine: EngineOfOrigins) -> None:
    world, definition = drawing.world, drawing.definition
    assert drawing.classes or drawing.of_readings or drawing.row_of_readings
    if drawing.classes:
        found: Counter[tuple[object, ...]] = Counter()
        for (_, link, at, _, its_class), times in engine.classes(world, definition).items():
            found[link, at, its_class] += times
        assert found == Counter(
            (link, usable(time, definition.clicks), its_class)
            for link, time, its_class in drawing.classes.elements()
        )
    for count, columns in drawing.of_readings.items():
        rows = engine.rows(world, replace(definition, count=count))
        assert {name: getattr(rows[named("A")], name) for name in columns} == columns
    if drawing.row_of_readings:
        row = engine.readings(world, definition)[named("A")]
        columns = drawing.row_of_readings
        assert {name: getattr(row, name) for name in columns} == columns
