"""A specification by example holds for the pipeline and for its two twins, which the other tests
compare it with: the oracle in Python and reference.sql."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
from psycopg2.extensions import connection

from tests import oracle
from tests.databases import fresh
from tests.drawings import Drawing, application_drawn, world_drawn
from tests.engines import Rows, by_pipeline, by_reference
from tests.oracle import World

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
