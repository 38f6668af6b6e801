"""A small world, computed, and a server over it that only tests share that change nothing."""

from collections.abc import Iterator

import pytest

from pipeline.run import run_all
from tests.databases import Database, fresh
from tests.drawings import world_drawn
from tests.serving import Served, serving

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    keen        | J   | 2024-03-04 09:00
    early       | J   | 2024-03-04 09:00
    silent      | J   | 2024-03-04 09:00

    link | application | link function
    k1   | keen        | LinkedIn
    k2   | keen        | Calendly
    k3   | keen        | Resume
    e1   | early       | Resume

    link    | clicked at
    k1      | 2024-03-04 10:00
    k2      | 2024-03-09 10:00:00.5
    k1      | 2024-03-10 10:00
    k2      | 2024-03-10 10:00
    k3      | 2024-03-10 10:00
    e1      | 2024-03-01 07:30
    k1      | null
    """
).world


@pytest.fixture
def filled(database: Database) -> Database:
    """A database of one's own."""
    database.load(WORLD)
    run_all(database.settings())
    return database


@pytest.fixture(scope="session")
def shared(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """A database whose rows stay as they are."""
    with fresh(server_url, with_all_tables) as database:
        database.load(WORLD)
        run_all(database.settings())
        yield database


@pytest.fixture(scope="session")
def served(shared: Database) -> Iterator[Served]:
    """A server without a key."""
    with serving(shared) as served:
        yield served
