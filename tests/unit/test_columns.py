"""The names of columns that are written down twice: SQLAlchemy is too slow to import for them."""

import pytest

from schema.columns import OPTIONAL, READ
from schema.tables import source


@pytest.mark.parametrize("table", READ)
def test_the_columns_that_are_read(table: str) -> None:
    needed = [name for name in READ[table] if name not in OPTIONAL]
    assert needed == source.tables[table].columns.keys()
