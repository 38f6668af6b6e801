"""What several modules here begin with."""

from pathlib import Path

import pytest

from tests.databases import Database

REQUIREMENT = Path(__file__).with_name("requirement.sql").read_text()


@pytest.fixture
def by_hand(unmigrated: Database) -> Database:
    """The target table made by hand, just as the requirement writes it."""
    unmigrated.execute(REQUIREMENT)
    return unmigrated
