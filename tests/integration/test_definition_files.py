"""`clickstats definition`, and the files that it prints and others read."""

import os
from pathlib import Path

import pytest

from pipeline.definition import Definition, read
from pipeline.run import run_all
from tests.commands import as_process, clickstats
from tests.databases import CopyOf, Database
from tests.definitions import written
from tests.two_zones import (
    TOKYO,
    UNTOUCHED,
    A,
    computed,
    json_of,
)


@pytest.fixture
def done(copy_of: CopyOf) -> Database:
    """After a run in Los Angeles."""
    return copy_of(computed)


def test_what_is_printed_can_be_given_back(done: Database, tmp_path: Path) -> None:
    """A published definition leaves its file's name behind, not its values."""
    hostile = written(tmp_path, "[functions]\n'a \"b\" \\' = [\"\\u007f\\n\\t\\u0085\", '']\n")
    run_all(done.settings(definition_file=hostile))
    printed = clickstats("definition", database=done)
    assert (printed.code, printed.errors) == (0, "")
    again = written(tmp_path, printed.text, "again.toml")
    assert read(again)[0] == read(hostile)[0]
    assert run_all(done.settings(definition_file=again)).warnings == []

    # what differs from the published one is a comment
    other = clickstats("definition", "--timezone", TOKYO, database=done)
    assert '# not what the last published run used: time.reporting was "UTC"' in other.text
    assert read(written(tmp_path, other.text))[0].time.reporting == TOKYO


def test_a_file_is_checked_without_a_database(tmp_path: Path) -> None:
    file = written(tmp_path, "[clicks]\ncount = 'human'")
    answer = clickstats("definition", "--check", file, "--format", "json")
    assert json_of(answer)["definition"]["clicks"]["count"] == "human"


def test_without_our_tables_the_built_in_definition(unmigrated: Database, tmp_path: Path) -> None:
    answer = as_process("definition", database=unmigrated)
    assert answer.code == 0
    assert "no definition from the ledger" in answer.errors
    assert read(written(tmp_path, answer.text))[0] == Definition()


@pytest.mark.parametrize("name", [b"\xff.toml", b"a\nb.toml"])
def test_a_file_of_any_name(done: Database, tmp_path: Path, name: bytes) -> None:
    """Is read, printed and, where there is none, told and kept in the ledger."""
    file = written(tmp_path, "[time]\nreporting = 'Asia/Tokyo'", os.fsdecode(name))
    printed = clickstats("definition", "--definition", file, database=done)
    assert read(written(tmp_path, printed.text))[0].time.reporting == TOKYO
    assert clickstats("run", "--all", "--definition", file, database=done).code == 0
    missing = clickstats("run", "--all", "--definition", f"{file}x", database=done)
    assert missing.code == 2
    [line] = [line for line in missing.errors.splitlines() if "cannot read" in line]
    assert line.startswith("clickstats: cannot read the definition ")


@pytest.mark.parametrize("command", [["run", "--all"], ["run", "--app-id", A], ["explain", A]])
def test_a_mistake_in_the_file_is_found_by_every_command(
    done: Database, tmp_path: Path, command: list[str]
) -> None:
    before = done.execute(UNTOUCHED)
    file = written(tmp_path, "[clicks]\ncount = 'humans'")
    answer = clickstats(*command, database=done, CLICKSTATS_DEFINITION=file)
    assert answer.code == 2
    assert f"{file}: clicks.count: " in answer.errors
    assert done.execute(UNTOUCHED) == before
