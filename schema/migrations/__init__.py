"""Alembic's revisions of clickstats' own tables; each runs the readable .sql file beside it."""

from pathlib import Path

VERSION_TABLE = "clickstats_migrations"


def sql_beside(revision: str, name: str) -> str:
    """The .sql file `name` in the folder of the revision's module."""
    return Path(revision).with_name(f"{name}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
