"""Connections that are kept from one session to the next."""

from dataclasses import replace
from uuid import uuid4

import pytest

from pipeline.database.connection import Connection, session
from pipeline.database.pool import MOST_IDLE, Pool
from pipeline.database.server_errors import server_errors
from pipeline.errors import NoConnection, Refused, SchemaError
from pipeline.settings import Settings
from tests.databases import Database
from tests.waiting import wait_until

WHO = """
select pg_backend_pid(), current_setting('application_name'), current_setting('search_path'),
    current_setting('lock_timeout'), current_setting('statement_timeout'),
    current_setting('client_connection_check_interval')
"""


def asked(settings: Settings, *, snapshot: bool = False) -> tuple[object, ...]:
    with session(settings, snapshot=snapshot) as connection:
        return one(connection, WHO)


def one(connection: Connection, query: str) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: tuple[object, ...] | None = cursor.fetchone()
        assert found
        return found


@pytest.fixture
def pooled(database: Database) -> Settings:
    return database.settings(pool=Pool(), lock_timeout=7, statement_timeout=9)


def test_a_connection_is_kept_and_is_as_a_new_one(pooled: Settings) -> None:
    first = asked(pooled)
    other = replace(pooled, run_id=str(uuid4()))
    second = asked(other)
    assert first[1:] == (pooled.application_name, "public, pg_temp", "7s", "9s", "500ms")
    assert second[0] == first[0]
    assert second[1:] == (other.application_name, *first[2:])
    assert asked(pooled, snapshot=True)[0] == first[0]


def test_what_a_role_has_set_stays(database: Database, role: str) -> None:
    database.execute(f"alter role {role} set lock_timeout = '3s'")
    seen = database.seen_by(role, role)
    settings = seen.settings(pool=Pool(), statement_timeout=9)
    for _ in range(2):
        assert asked(settings)[3:5] == ("3s", "9s")


def test_a_snapshot_is_read_only_and_the_next_session_is_not(pooled: Settings) -> None:
    with pytest.raises(Refused), session(pooled, snapshot=True) as connection:
        one(connection, "insert into jobs values (gen_random_uuid()) returning id")
    with session(pooled, snapshot=True) as connection:
        assert one(connection, "show transaction_isolation") == ("repeatable read",)
    with session(pooled) as connection:
        assert one(connection, "show transaction_isolation") == ("read committed",)
        one(connection, "insert into jobs values (gen_random_uuid()) returning id")


def test_after_an_error_a_connection_is_not_kept(pooled: Settings) -> None:
    pid = asked(pooled)[0]
    with pytest.raises(SchemaError), session(pooled) as connection:
        one(connection, "select 1 / 0")
    assert asked(pooled)[0] != pid


def test_one_that_the_server_has_ended_is_not_handed_out(
    pooled: Settings, database: Database
) -> None:
    pid = asked(pooled)[0]
    database.execute("select pg_terminate_backend(%s)", [pid])
    wait_until(lambda: not database.others())
    assert asked(pooled)[0] != pid


def test_only_some_are_kept(pooled: Settings, database: Database) -> None:
    pool = pooled.pool
    assert isinstance(pool, Pool)
    many = [session(pooled) for _ in range(MOST_IDLE + 3)]
    for each in many:
        each.__enter__()
    for each in many:
        each.__exit__(None, None, None)
    wait_until(lambda: database.others() == MOST_IDLE)
    pool.close()
    wait_until(lambda: not database.others())


def test_closing_breaks_the_lines_in_use(pooled: Settings, database: Database) -> None:
    pool = pooled.pool
    assert isinstance(pool, Pool)
    with session(pooled) as connection:
        one(connection, "select 1")
        pool.close()
        with pytest.raises(NoConnection), server_errors():
            one(connection, "select 1")
    wait_until(lambda: not database.others())
