"""Sources whose rows do not depend on the snapshot alone: foreign tables, and views that ask for
the time. All is read in one transaction, in which neither changes."""

from contextlib import closing
from datetime import timedelta
from threading import Thread
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg2
import pytest

from pipeline import source_shape
from pipeline.database.connection import Connection, session
from pipeline.demo.embedded import SYSTEM_VERSIONS, server
from pipeline.dry_run import dry_run
from pipeline.errors import Refused
from pipeline.extract import Source
from pipeline.migrate import migrate
from pipeline.run import run_all, run_named
from pipeline.run_steps import write_audited
from pipeline.source_shape import beyond_snapshot
from tests.databases import Database, fresh
from tests.engines import reference, stored
from tests.holds import at
from tests.runs import WORLD
from tests.waiting import wait_until


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


FAR = """
create extension postgres_fdw;
create server elsewhere foreign data wrapper postgres_fdw
    options (host '{host}', port '{port}', dbname '{name}');
create user mapping for current_user server elsewhere
    options (user '{user}', password '{password}');
drop table {tables} cascade;
import foreign schema public limit to ({tables}) from server elsewhere into public;
"""


def read_from(elsewhere: Database, database: Database, tables: str) -> None:
    """Let some tables of the database be those of another one."""
    url = urlsplit(elsewhere.url)
    database.execute(
        FAR.format(
            tables=tables,
            host=url.hostname,
            port=url.port,
            name=elsewhere.name,
            user=url.username,
            password=url.password,
        )
    )


# whoever reads links makes the other database change in between
CHANGING = """
create extension dblink;
alter table link_tracking rename to links;
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
        before = reference(filled)
        read_from(elsewhere, filled, "link_tracking, link_clicks")
        filled.execute(CHANGING.format(url=elsewhere.url))
        assert run_all(filled.settings()).clicks_read == 2
        assert stored(filled) == before
        assert elsewhere.execute("select distinct link_function from link_tracking") == [
            ("Resume",)
        ]


# as a program does that loads a table anew each night
LOADED_ANEW = """
set local lock_timeout = '100ms';
create temporary table kept on commit drop as select * from link_tracking;
truncate link_tracking;
insert into link_tracking select * from kept;
"""


def with_applications_of(elsewhere: Database, database: Database) -> None:
    """Let the database's applications be those of another one, to which there is no key."""
    read_from(elsewhere, database, "job_applications")
    database.execute(
        "drop table link_click_analytics, link_click_readings, link_click_score_changes,"
        " clickstats_migrations, clickstats_runs cascade"
    )
    migrate(database.settings())


@pytest.mark.parametrize("named", [False, True], ids=["all", "named"])
def test_a_foreign_table_is_not_loaded_anew_while_it_is_read(
    filled: Database,
    server_url: str,
    with_sources: str,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
) -> None:
    """What its server has truncated would be empty to the state that is read of it."""
    with fresh(server_url, with_sources) as elsewhere:
        elsewhere.load(WORLD)
        before = reference(filled)
        read_from(elsewhere, filled, "link_tracking")
        read = Source._read
        refused: list[str] = []

        def load_anew(source: Source, name: str, *others: Any) -> Any:
            if name == "links":
                with pytest.raises(psycopg2.errors.LockNotAvailable) as refusal:
                    elsewhere.execute(LOADED_ANEW)
                refused.append(str(refusal.value))
            return read(source, name, *others)

        monkeypatch.setattr(Source, "_read", load_anew)
        if named:
            run_named(filled.settings(), [str(application) for application in before])
        else:
            run_all(filled.settings())
        assert len(refused) == 1
        assert stored(filled) == before
        elsewhere.execute(LOADED_ANEW)  # nothing is held any more


def test_a_foreign_table_that_is_being_loaded_anew(
    filled: Database, server_url: str, with_sources: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no empty one, whoever began first."""
    monkeypatch.setattr(source_shape, "PATIENCE", "200ms")
    with fresh(server_url, with_sources) as elsewhere, closing(elsewhere.connect()) as loader:
        elsewhere.load(WORLD)
        read_from(elsewhere, filled, "link_tracking")
        with loader.cursor() as cursor:
            cursor.execute(LOADED_ANEW)
        with pytest.raises(Refused, match="foreign table link_tracking could not be read"):
            run_all(filled.settings())
        loader.commit()
        run_all(filled.settings())
        assert stored(filled) == reference(filled)


def test_who_waits_for_a_run_over_foreign_tables_does_not_stop_it(
    filled: Database, server_url: str, with_sources: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server sees that the writer waits for him, and he for the reader."""
    monkeypatch.setattr(source_shape, "PATIENCE", "1s")
    waiting = "select 1 from pg_locks where not granted and relation = 'job_applications'::regclass"
    with fresh(server_url, with_sources) as elsewhere:
        elsewhere.load(WORLD)
        with_applications_of(elsewhere, filled)
        alter = "alter table job_applications add note text"
        someone = Thread(target=elsewhere.execute, args=(alter,))

        def begin() -> None:
            someone.start()
            wait_until(lambda: elsewhere.execute(waiting))

        with pytest.raises(Refused, match="foreign table job_applications could not be read"):
            run_all(filled.settings(), before=at("write", begin))
        someone.join()
        assert stored(filled) == {}
        monkeypatch.undo()
        run_all(filled.settings())
        assert stored(filled) == reference(filled)


def test_a_run_over_foreign_tables_does_not_start_over(
    filled: Database, server_url: str, with_sources: str
) -> None:
    """Its writer would look for an application that is new then in the state from before, and
    delete its row."""
    with fresh(server_url, with_sources) as elsewhere:
        elsewhere.load(WORLD)
        with_applications_of(elsewhere, filled)
        looked: list[str] = []

        def meanwhile(connection: Connection, *others: Any) -> None:
            write_audited(connection, *others)
            if not looked:
                looked.append("once")
                elsewhere.execute("insert into job_applications (id) values (gen_random_uuid())")
                filled.execute("grant select on link_tracking to public")

        with (
            patch("pipeline.run.write_audited", meanwhile),
            pytest.raises(Refused, match="link_tracking; nothing was written; run again"),
        ):
            run_all(filled.settings())
        assert stored(filled) == {}
        run_all(filled.settings())
        assert stored(filled) == reference(filled)


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
