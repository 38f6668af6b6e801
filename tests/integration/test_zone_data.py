"""The server and Polars each have time zone data of their own; that they disagree is told."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.answers.verify import verify
from pipeline.database.connection import session
from pipeline.definition import Time
from pipeline.dry_run import dry_run
from pipeline.run import run_all
from pipeline.time_zones import ABBREVIATIONS
from pipeline.zone_data import zone_warnings
from tests.databases import Database
from tests.definitions import written
from tests.runs import WORLD


def told(database: Database, timezone: str, *instants: datetime) -> list[str]:
    found = pl.Series(instants, dtype=pl.Datetime("us"))
    with session(database.settings()) as connection:
        return list(zone_warnings(connection, Time(reporting=timezone), found))


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


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("reporting", "hours and days of the week may"),
        ("clicks", "times"),
        ("applications", "times"),
    ],
)
def test_a_run_warns_of_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, says: str
) -> None:
    monkeypatch.delitem(ABBREVIATIONS, "CET")
    database.load(WORLD)
    database.execute("update link_clicks set clicked_at = '2024-07-01 12:00'")
    settings = database.settings(definition_file=written(tmp_path, f'[time]\n{key} = "CET"'))
    tried, warnings = dry_run(settings).report.warnings, run_all(settings).warnings
    [warning] = [one for one in warnings if "disagree about CET" in one]
    assert warning in tried
    assert says in warning


@pytest.mark.parametrize("by_copy", [False, True])
def test_the_abbreviations_of_the_database_change_nothing(
    database: Database, tmp_path: Path, by_copy: bool
) -> None:
    """With Australia's the server would take EST for ten hours ahead of UTC."""
    file = written(tmp_path, '[time]\nreporting = "EST"\nclicks = "EST"')
    database.load(WORLD)
    database.execute(f"alter database {database.name} set timezone_abbreviations = 'Australia'")
    settings = (database.by_copy() if by_copy else database).settings(definition_file=file)
    run_all(settings)
    times = "select distinct hours_to_first_click, peak_click_hour from link_click_analytics"
    assert database.execute(times) == [(6, 10)]
    assert not verify(settings).differences
