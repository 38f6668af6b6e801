"""A database in which a run has something to insert, to update and to leave."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.run import run_all
from tests.databases import Database, fresh
from tests.holds import HOLDS

# Job 0 does not exist, nor do applications 0, 31 and 32, which some links name.
SOURCE = """
insert into jobs select md5('job' || n)::uuid from generate_series(1, 3) as n;
insert into job_applications
    select md5('application' || n)::uuid, md5('job' || n % 4)::uuid,
        timestamp '2024-03-01' + n * interval '1 hour'
    from generate_series(1, 30) as n;
insert into link_tracking
    select 't' || n, md5('application' || n % 33)::uuid,
        (array['LinkedIn', 'Calendly', 'Resume', 'GitHub', 'Portfolio'])[n % 5 + 1]
    from generate_series(1, 99) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n % 101, timestamp '2024-03-02' + n * interval '37 minutes'
    from generate_series(1, 300) as n;
"""
# Ten rows to insert, ten to update; of the other twenty, none.
EDITS = """
insert into job_applications
    select md5('application' || n)::uuid, md5('job' || n % 4)::uuid,
        timestamp '2024-03-01' + n * interval '1 hour'
    from generate_series(41, 50) as n;
insert into link_tracking
    select 'new' || n, md5('application' || n)::uuid, 'Calendly' from generate_series(41, 50) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 'new' || n, '2024-04-01' from generate_series(41, 50) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n, '2024-04-01' from generate_series(1, 10) as n;
"""


@pytest.fixture(scope="session")
def with_a_run(server_url: str, with_all_tables: str) -> Iterator[str]:
    """The template of a run's result and what was edited since."""
    with fresh(server_url, with_all_tables) as template:
        template.execute(SOURCE)
        run_all(template.settings())
        template.execute(EDITS + HOLDS)
        yield template.name


@pytest.fixture
def database(server_url: str, with_a_run: str) -> Iterator[Database]:
    """A published run, and edits since for which ten rows are to be inserted, ten updated."""
    with fresh(server_url, with_a_run) as database:
        yield database


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Threads for what runs beside the test."""
    with ThreadPoolExecutor() as threads:
        yield threads


@pytest.fixture
def empty(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """A fresh database with empty source tables and an empty link_click_analytics."""
    with fresh(server_url, with_all_tables) as empty:
        yield empty
