"""On made-up data of a plausible kind, every column of every row is what reference.sql says."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from pipeline.demo import sample
from pipeline.migrate import migrate
from pipeline.run import run_all
from schema.sql import reference, statement
from tests.databases import Database, fresh
from tests.engines import COLUMNS, IN_UTC

# Rows that one side has and the other has not. To EXCEPT, an interval in another form is the same.
DIFFERENT = f"""
    with reference as ({reference.rows()}),
    stored as (select {", ".join(COLUMNS)} from link_click_analytics)
    select 'expected' as which, * from (table reference except table stored) as missing
    union all
    select 'stored', * from (table stored except table reference) as unexpected
    limit 10
"""
COUNTS = statement("reference_counts")
SMALL = (2_000, 20_000)
LARGE = pytest.param((200_000, 2_000_000), marks=pytest.mark.slow(minutes=1))


@pytest.fixture(scope="module", params=[SMALL, LARGE], ids=["small", "large"])
def sampled(request: pytest.FixtureRequest, server_url: str) -> Iterator[Database]:
    """A migrated database with the made-up tables."""
    with fresh(server_url) as database:
        with closing(database.connect()) as own:
            sample.load(own, *request.param)
        migrate(database.settings())
        yield database


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Kolkata"])
def test_every_column_of_every_row(sampled: Database, timezone: str) -> None:
    report = run_all(sampled.settings(timezone=timezone))
    assert report.inserted + report.updated > report.applications // 2
    assert different(sampled, timezone) == []

    [counts] = sampled.execute(COUNTS, reference.BUILT_IN)
    assert counts == (
        report.clicks_read,
        report.clicks_used,
        report.clicks_unusable,
        report.clicks_unattributed,
    )
    assert min(counts) > 0

    again = run_all(sampled.settings(timezone=timezone))
    assert (again.inserted, again.updated) == (0, 0)
    assert again.unchanged == report.applications


def test_what_is_different_would_be_found(sampled: Database) -> None:
    run_all(sampled.settings(timezone="UTC"))  # whatever was published before
    sampled.execute(
        "update link_click_analytics set engagement_velocity = engagement_velocity + 0.0001"
        " where application_id = (select min(application_id::text)::uuid from link_click_analytics)"
    )
    assert [which for which, *_ in different(sampled, "UTC")] == ["expected", "stored"]


def different(database: Database, timezone: str) -> list[tuple[object, ...]]:
    parameters = {**reference.BUILT_IN, "timezone": timezone}
    return database.execute(
        "set local timezone to 'UTC'; set local work_mem = '512MB';" + DIFFERENT, parameters
    )


def test_a_day_is_its_first_moment_in_the_zone(unmigrated: Database) -> None:
    """Clicks and applications that are known by the day only, in Berlin."""
    unmigrated.execute(
        """
        alter table job_applications alter created_at type date;
        alter table link_clicks alter clicked_at type date;
        insert into job_applications (id, created_at)
            values ('c4ca4238-a0b9-2382-0dcc-509a6f75849b', '2026-03-03');
        insert into link_tracking (tracking_id, application_id, link_function)
            values ('x', 'c4ca4238-a0b9-2382-0dcc-509a6f75849b', 'Resume');
        insert into link_clicks (tracking_id, clicked_at) values
            ('x', '2026-07-03'), ('x', '2026-07-03'), ('x', 'infinity'), ('x', '5874897-12-31')
        """
    )
    berlin = {"clicks_zone": "Europe/Berlin", "applications_zone": "Europe/Berlin"}
    for zones, first, to_first in [
        ({}, datetime(2026, 7, 3), timedelta(days=122)),
        (berlin, datetime(2026, 7, 2, 22), timedelta(days=121, hours=23)),
    ]:
        parameters = {**reference.BUILT_IN, **zones}
        classes = unmigrated.execute(IN_UTC + reference.classes(), parameters)
        assert [(at, its_class) for *_, at, _, its_class in classes] == [
            (first, "human"),
            (first, "repeat"),
        ]
        [row] = unmigrated.execute(IN_UTC + reference.rows(), parameters)
        assert row[COLUMNS.index("time_to_first_click")] == to_first
        assert unmigrated.execute(IN_UTC + COUNTS, parameters) == [(4, 2, 2, 0)]
