"""A small world, as a database, for the command line."""

import pytest

from tests.databases import Database
from tests.drawings import world_drawn

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
    e1   | early       | Resume
    d1   | deleted     | Resume

    link    | clicked at
    k1      | 2024-03-04 10:00
    k2      | 2024-03-09 10:00:00.5
    e1      | 2024-03-01 07:30
    d1      | 2024-03-04 10:00
    k1      | null
    """
).world


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database
