"""The server and Polars each have time zone data of their own; that they disagree is told."""

from datetime import datetime

import polars as pl
import pytest

from pipeline.database.connection import session
from pipeline.dry_run import dry_run
from pipeline.run import run_all
from pipeline.zone_data import zone_warnings
from tests.databases import Database
from tests.runs import WORLD


def told(database: Database, timezone: str, *instants: datetime) -> list[str]:
    with session(database.settings()) as connection:
        return list(
            zone_warnings(connection, timezone, pl.Series(instants, dtype=pl.Datetime("us")))
        )


JULY, MARCH, NOVEMBER = (datetime(2024, month, 1) for month in (7, 3, 11))


# PostgreSQL takes CET for an hour ahead of UTC all the year; no user may ask for it
@pytest.mark.parametrize(
    ("timezone", "first", "last", "says"),
    [
        ("CET", MARCH, NOVEMBER, "on 210 days from 2024-04-01 to 2024-10-27"),
        ("CET", JULY, JULY, "on 2 days from 2024-07-01 to 2024-07-02"),
        ("Nowhere/Land", JULY, JULY, "does not know"),
    ],
)
def test_what_they_disagree_about(
    database: Database, timezone: str, first: datetime, last: datetime, says: str
) -> None:
    [warning] = told(database, timezone, first, last)
    assert says in warning


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_what_they_agree_about(database: Database, timezone: str) -> None:
    assert told(database, timezone, datetime(1990, 1, 1), datetime(2025, 1, 1)) == []
    assert told(database, timezone) == []


def test_a_run_warns_of_it(database: Database) -> None:
    """With Australia's abbreviations the server takes EST for ten hours ahead of UTC."""
    database.load(WORLD)
    assert run_all(database.settings(timezone="EST")).warnings == []
    database.execute(f"alter database {database.name} set timezone_abbreviations = 'Australia'")
    [tried] = dry_run(database.settings(timezone="EST")).report.warnings
    [warning] = run_all(database.settings(timezone="EST")).warnings
    assert tried == warning
    assert "disagree about EST" in warning
