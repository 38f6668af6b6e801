"""However the database is named, every connection of a run reaches the same server; and what the
server's errors mean to a user."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from pipeline.database.connection import connect
from pipeline.database.server_errors import server_errors
from pipeline.database.transport import connectorx_url
from pipeline.errors import ClickstatsError, NoConnection, Refused, SchemaError
from pipeline.run import run_all
from tests.databases import Database
from tests.drawings import world_drawn
from tests.engines import reference, stored

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn

    link | clicked at
    a    | 2024-03-04 10:00
    """
).world


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def parts(filled: Database) -> dict[str, str]:
    """The parameters by which libpq has found the database."""
    with closing(filled.connect()) as connection:
        return connection.info.dsn_parameters | {"password": connection.info.password or ""}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def runs(database: Database, url: str, *, by_connectorx: bool = True) -> None:
    settings = Database(url, database.name).settings()
    with closing(connect(settings)) as connection:
        assert (connectorx_url(connection) is not None) == by_connectorx
    run_all(settings)
    assert stored(database) == reference(database) != {}


def test_a_url_as_sqlalchemy_writes_it(filled: Database) -> None:
    runs(filled, filled.url.replace("postgresql://", "postgresql+psycopg2://"))


def test_a_connection_string(filled: Database, parts: dict[str, str]) -> None:
    names = ("host", "port", "user", "password")
    runs(
        filled,
        f"dbname={filled.name} " + " ".join(f"{name}='{parts[name]}'" for name in names),
    )


def test_several_hosts_of_which_the_first_is_down(
    filled: Database, parts: dict[str, str], closed_port: int
) -> None:
    login = f"{quote(parts['user'])}:{quote(parts['password'])}"
    hosts = f"127.0.0.1:{closed_port},{parts['host']}:{parts['port']}"
    runs(filled, f"postgresql://{login}@{hosts}/{filled.name}")
    login_only = f"postgresql+psycopg2://{login}@/{filled.name}"
    first, last = hosts.split(",")
    runs(filled, f"{login_only}?host={first}&host={last}")


def test_the_environment(
    filled: Database, parts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq takes from it what the URL leaves open; ConnectorX would not look there."""
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"PG{name.upper()}", parts[name])
    runs(filled, f"postgresql:///{filled.name}")


def test_a_password_file(
    filled: Database, parts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:*:{parts['password']}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    runs(filled, re.sub(r":[^:@]*@", "@", filled.url))


def test_a_unix_socket(filled: Database, parts: dict[str, str]) -> None:
    [(folder,)] = filled.execute("show unix_socket_directories")
    folder = folder.strip('"').split(",")[0]
    if not os.access(f"{folder}/.s.PGSQL.{parts['port']}", os.W_OK):
        pytest.skip("the server has no socket here")
    login = f"{quote(parts['user'])}:{quote(parts['password'])}"
    runs(filled, f"postgresql://{login}@/{filled.name}?host={folder}&port={parts['port']}")
    runs(filled, f"postgresql://{login}@{quote(folder, safe='')}:{parts['port']}/{filled.name}")


def test_options_of_the_connection(filled: Database) -> None:
    """They hold for every connection."""
    filled.execute(
        "alter table link_tracking rename to links;"
        "create view link_tracking as select tracking_id, application_id,"
        " current_setting('app.function') as link_function from links"
    )
    options = quote("-c app.function=Calendly\\ Pro", safe="")
    settings = Database(f"{filled.url}?options={options}", filled.name).settings()
    run_all(settings)
    assert [row.click_sequence for row in stored(filled).values()] == [("Calendly Pro",)]


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("42P01", SchemaError),  # no such table
        ("42703", SchemaError),  # no such column
        ("42501", SchemaError),  # no such right
        ("42883", SchemaError),  # no such function for these types
        ("53100", Refused),  # disk full
        ("53200", Refused),  # out of memory
        ("54000", Refused),  # a limit of the program
        ("72000", Refused),  # old_snapshot_threshold, before PostgreSQL 17
        ("57014", Refused),  # cancelled, or a statement took too long
        ("55P03", Refused),  # a lock took too long
        ("25006", Refused),  # read-only
        ("40001", Refused),  # could not serialize
        ("40P01", Refused),  # deadlock
        ("58030", Refused),  # input or output failed
        ("P0001", Refused),  # a trigger's own
        ("0A000", Refused),  # not to be had on this server
        ("22012", SchemaError),  # a view divides by zero
        ("23514", SchemaError),  # a check of somebody's
        ("55000", SchemaError),  # a materialized view without data
        ("57P01", NoConnection),  # shut down
        ("08006", NoConnection),  # lost
    ],
)
def test_what_an_error_of_the_server_means(
    server_url: str, code: str, meaning: type[ClickstatsError]
) -> None:
    with closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        with pytest.raises(ClickstatsError, match="the very words") as error, server_errors():
            cursor.execute(f"do $$ begin raise 'the very words' using errcode = '{code}'; end $$")
        assert type(error.value) is meaning


@pytest.mark.parametrize("code", ["42601", "42P11"])
def test_an_error_that_nobody_has_foreseen_stays_what_it_is(server_url: str, code: str) -> None:
    """A bug keeps its traceback."""
    with closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error) as error, server_errors():
            cursor.execute(f"do $$ begin raise 'x' using errcode = '{code}'; end $$")
        assert error.value.pgcode == code
