"""Which definition is in force: what the user asks for, else what is published."""

from __future__ import annotations

from pipeline.choice import Choice, chosen
from pipeline.database.connection import session
from pipeline.settings import Settings


def look_up(settings: Settings) -> Choice:
    """The definition that the other commands would use now."""
    with session(settings, snapshot=True) as connection:
        return chosen(connection, settings)
