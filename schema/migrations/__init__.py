"""Alembic's revisions of clickstats' own tables; each runs the readable .sql file beside it."""

import re
from collections.abc import Collection
from pathlib import Path

VERSION_TABLE = "clickstats_migrations"


def sql_beside(revision: str, name: str) -> str:
    """The .sql file `name` in the folder of the revision's module."""
    return Path(revision).with_name(f"{name}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")


def view() -> str:
    """The statements that create application_scores."""
    return sql_beside(
        str(Path(__file__).with_name("versions") / "r0004"), "create_application_scores"
    )


def without_keys_to(statement: str, tables: Collection[str]) -> str:
    """The statement without the foreign keys to these tables: views, to which none can refer."""
    for table in tables:
        statement = re.sub(rf" REFERENCES {table}\(id\) ON DELETE [A-Z ]+", "", statement)
    return statement
