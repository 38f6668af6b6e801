"""A unique beginning of an id, of eight characters or more, stands for it in every command."""

from collections.abc import Callable

import pytest

from tests.commands import clickstats
from tests.databases import CopyOf, Database

IDS = [
    "0a1b2c3d-1111-4111-8111-111111111111",
    "0a1b2c3d-2222-4222-8222-222222222222",
    "ffffffff-3333-4333-8333-333333333333",
]
Command = Callable[[str], list[str]]
COMMANDS: dict[str, Command] = {
    "run": lambda one: ["run", "--app-id", one],
    "explain": lambda one: ["explain", one],
    "verify": lambda one: ["verify", "--app-id", one],
}
commands = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def named(copy_of: CopyOf) -> Database:
    return copy_of(computed)


def computed(database: Database) -> None:
    for one in IDS:
        database.execute("insert into job_applications (id) values (%s)", (one,))
    assert clickstats("run", "--all", database=database).code == 0


@commands
@pytest.mark.parametrize("beginning", ["ffffffff", "FFFFFFFF-33", "ffffffff3333", IDS[2]])
def test_a_beginning(named: Database, command: Command, beginning: str) -> None:
    answer = clickstats(*command(beginning), database=named)
    assert (answer.code, answer.errors) == (0, "")


@commands
def test_several_begin_so(named: Database, command: Command) -> None:
    answer = clickstats(*command("0a1b2c3d"), database=named)
    assert answer.code == 2
    assert all(one in answer.errors for one in IDS[:2])


@commands
def test_none_begins_so(named: Database, command: Command) -> None:
    answer = clickstats(*command("12345678"), database=named)
    assert answer.code == 4
    assert "begins with 12345678" in answer.errors


@commands
def test_too_short_a_beginning(named: Database, command: Command) -> None:
    answer = clickstats(*command("fffffff"), database=named)
    assert answer.code == 2
    assert "eight or more characters" in answer.errors


def test_the_others_are_done(named: Database) -> None:
    answer = clickstats("run", "--app-id", "ffffffff", "--app-id", "12345678", database=named)
    assert answer.code == 4
    assert IDS[2] in answer.text
    assert "12345678" in answer.errors
