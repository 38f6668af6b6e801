"""What several modules here begin with."""

from pathlib import Path

import pytest

from pipeline.capture import turn_on
from tests.capturing import WORLD, begun
from tests.databases import Database

REQUIREMENT = Path(__file__).with_name("requirement.sql").read_text()


@pytest.fixture
def by_hand(unmigrated: Database) -> Database:
    """The target table made by hand, just as the requirement writes it."""
    unmigrated.execute(REQUIREMENT)
    return unmigrated


@pytest.fixture
def captured(database: Database) -> Database:
    """Capture is on and has told of nothing yet."""
    database.load(WORLD)
    turn_on(database.settings())
    database.execute("truncate clickstats_changes")
    return database


@pytest.fixture
def done(database: Database) -> Database:
    """Capture is on, and everything that it told of is done."""
    return begun(database)
