"""Sources whose rows do not depend on the snapshot alone: foreign tables, and views that ask for
the time. All is read in one transaction, in which neither changes."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from pipeline.database.connection import session
from pipeline.demo.embedded import SYSTEM_VERSIONS, server
from pipeline.dry_run import dry_run
from pipeline.run import run_all
from pipeline.source_shape import beyond_snapshot
from tests.databases import Database, fresh
from tests.engines import reference, stored
from tests.runs import WORLD


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


ASKING = """
alter table job_applications rename to applications;
alter table link_clicks rename to clicks;
create view job_applications as select id, job_id, {now} as created_at from applications;
create view clicks_now as select tracking_id, {now} as clicked_at from clicks;
create view link_clicks as select * from clicks_now;
"""


CLOCKS = """
create function clock() returns timestamp language sql as 'select now()';
create function later(timestamp, int) returns timestamp language sql as 'select now()';
create operator === (leftarg = timestamp, rightarg = int, function = later);
create aggregate last (int) (sfunc = later, stype = timestamp, initcond = '2000-01-01');
"""


@pytest.mark.parametrize(
    "now",
    ["now()", "localtimestamp", "clock()", "timestamp '2000-01-01' === 1", "(select last(1))"],
)
def test_the_time_stands_still(filled: Database, now: str) -> None:
    """Who clicks at the moment of the application takes no time."""
    filled.execute(f"alter database {filled.name} set standard_conforming_strings = off")
    filled.execute(CLOCKS)
    filled.execute(ASKING.format(now=now))
    run_all(filled.settings())
    times = "select distinct time_to_first_click from link_click_analytics"
    assert filled.execute(times) == [(timedelta(0),)]
    assert dry_run(filled.settings()).report.updated == 0


ELSEWHERE = """
create extension postgres_fdw;
create extension dblink;
create server elsewhere foreign data wrapper postgres_fdw
    options (host '{host}', port '{port}', dbname '{name}');
create user mapping for current_user server elsewhere
    options (user '{user}', password '{password}');
drop table link_tracking, link_clicks;
import foreign schema public limit to (link_tracking, link_clicks)
    from server elsewhere into public;
alter table link_tracking rename to links;
"""
# whoever reads links makes the other database change in between
CHANGING = """
create function read(function text) returns text immutable language plpgsql as $read$ begin
    perform dblink_exec(
        '{url}',
        $$
        update link_tracking set link_function = 'Resume';
        delete from link_clicks;
        insert into link_clicks (tracking_id, clicked_at)
            select 'a', '2024-03-05' from generate_series(1, 3)
        $$
    );
    return function;
end $read$;
create view link_tracking as
    select tracking_id, application_id, read(link_function) as link_function from links;
"""


def test_foreign_tables_are_read_in_one_state(
    filled: Database, server_url: str, with_sources: str
) -> None:
    with fresh(server_url, with_sources) as elsewhere:
        elsewhere.load(WORLD)
        url = urlsplit(elsewhere.url)
        before = reference(filled)
        filled.execute(
            ELSEWHERE.format(
                host=url.hostname,
                port=url.port,
                name=elsewhere.name,
                user=url.username,
                password=url.password,
            )
            + CHANGING.format(url=elsewhere.url)
        )
        assert run_all(filled.settings()).clicks_read == 2
        assert stored(filled) == before
        assert elsewhere.execute("select distinct link_function from link_tracking") == [
            ("Resume",)
        ]


def test_a_server_that_takes_rows_from_old_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells so the transaction that took the snapshot, but not those that adopt it."""
    older = sorted(SYSTEM_VERSIONS.glob("1[456]/bin"))
    if not older:
        pytest.skip("no PostgreSQL 14 to 16 of the system is installed")
    monkeypatch.setenv("CLICKSTATS_PG_BIN", str(older[0]))
    with (
        server(settings={"old_snapshot_threshold": "1h"}) as running,
        fresh(running.url()) as database,
        session(database.settings()) as connection,
    ):
        assert beyond_snapshot(connection) == ["old_snapshot_threshold is 1h"]
