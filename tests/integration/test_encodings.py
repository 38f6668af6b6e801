"""Databases in other encodings than UTF-8."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from pipeline.migrate import migrate
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database, fresh
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
