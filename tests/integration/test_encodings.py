"""Databases in other encodings than UTF-8."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.capture import turn_on
from pipeline.changed import run_changed
from pipeline.migrate import migrate
from pipeline.run import run_all
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database, fresh
from tests.engines import reference, stored
from tests.runs import WORLD, A

COMMANDS = [
    ["run", "--all"],
    ["run", "--app-id", A],
    ["run", "--all", "--dry-run"],
    ["report"],
    ["report", "--format", "json"],
    ["report", "--html", "-"],
    ["explain", A],
    ["export", "-", "--format", "csv"],
    ["verify"],
    ["status"],
    ["migrate", "--check"],
]


def test_no_statement_has_other_characters_than_ascii() -> None:
    """A server cannot convert what its encoding lacks, not even in a comment."""
    found = [*Path(str(files("schema"))).rglob("*.sql")]
    assert len(found) > 30
    assert [path.name for path in found if not path.read_bytes().isascii()] == []


def filled(server_url: str, encoding: str) -> Iterator[Database]:
    with fresh(server_url, encoding=encoding) as database:
        database.execute(SOURCE_TABLES)
        migrate(database.settings())
        database.load(WORLD)
        yield database


@pytest.mark.parametrize("encoding", ["LATIN1", pytest.param("WIN1252", marks=pytest.mark.slow)])
def test_every_command(server_url: str, encoding: str) -> None:
    for database in filled(server_url, encoding):
        database.execute("update link_tracking set link_function = 'Lebenslauf für Zoë'")
        for command in COMMANDS:
            answer = clickstats(*command, database=database, PYTHONUTF8="1")
            assert answer.code == 0, (command, answer.errors)
        assert "Lebenslauf für Zoë" in clickstats("explain", A, database=database).text


def test_clicks_at_one_instant_are_in_the_order_of_utf_8(server_url: str) -> None:
    """In WIN1252 the euro's byte comes before that of an e with an accent, in UTF-8 after it."""
    for database in filled(server_url, "WIN1252"):
        database.execute(
            f"""
            delete from link_clicks; delete from link_tracking;
            insert into link_tracking (tracking_id, application_id, link_function)
            values ('a', '{A}', '€'), ('b', '{A}', 'é');
            insert into link_clicks (tracking_id, clicked_at)
            values ('a', '2024-03-04 10:00'), ('b', '2024-03-04 10:00')
            """
        )
        run_all(database.settings())
        assert stored(database)[UUID(A)].click_sequence == ("é", "€")
        assert stored(database) == reference(database)
        assert clickstats("verify", database=database).code == 0


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("EUC_JP", r"\xadf0"), ("SQL_ASCII", r"\xff")],
    ids=["EUC_JP", "SQL_ASCII"],
)
def test_tracking_ids_that_are_others_after_a_way_through_utf_8(
    server_url: str, encoding: str, name: str
) -> None:
    """To EUC_JP there are two signs of which UTF-8 knows one; to SQL_ASCII any byte is one."""
    for database in filled(server_url, encoding):
        name = f"convert_from('{name}'::bytea, '{encoding}')"
        database.execute(f"update link_tracking set tracking_id = {name} where tracking_id = 'a'")
        turn_on(database.settings())
        run_changed(database.settings())
        database.execute(
            f"insert into link_clicks (tracking_id, clicked_at) values ({name}, '2024-03-05 10:00')"
        )
        run_changed(database.settings())
        assert stored(database)[UUID(A)].total_click_events == 1
        assert stored(database) == reference(database)


@pytest.mark.parametrize("by_copy", [False, True])
def test_bytes_that_are_no_utf_8(server_url: str, by_copy: bool) -> None:
    """One line, and exit 5, wherever they are read; `status` and `migrate` read none."""
    for database in filled(server_url, "SQL_ASCII"):
        bad = r"convert_from('\x4cff69'::bytea, 'SQL_ASCII')"
        database.execute(f"update link_tracking set link_function = {bad}")
        database.execute(
            "insert into link_click_analytics (application_id, click_sequence,"
            f" total_click_events) values ('{A}', array[{bad}], 1)"
        )
        through = database.by_copy() if by_copy else database
        for command in COMMANDS[:-2]:
            answer = clickstats(*command, database=through)
            assert answer.code == 5, (command, answer.errors)
            last = answer.errors.splitlines()[-1]
            # of what it converts itself, such as JSON, the server says so
            assert re.match("clickstats: .*(holds bytes that are no UTF-8|invalid byte seq)", last)
            assert "Traceback" not in answer.errors
