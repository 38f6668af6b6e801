"""`clickstats definition` as a user sees it."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.commands import as_process, clickstats
from tests.databases import Database

WHOLE = """
[time]
reporting = "Europe/Berlin"
clicks = "America/Edmonton"
[clicks]
count = "human"
machine_networks = ["192.0.2.0/24", "2001:db8::/32"]
trap_functions = ["T\\"r\\\\ap\\n\\u007f"]
sweep_links = 0
[functions]
Calendly = ["calendly", "Cal.com"]
"" = ["NULL"]
[applications]
frozen_after_days = 400
"""


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    file = tmp_path / "whole.toml"
    file.write_text(WHOLE, encoding="utf-8")
    return file


def test_built_in_before_the_first_run(database: Database) -> None:
    text = clickstats("definition", database=database).text
    assert 'reporting = "UTC"  # built in' in text
    assert "[functions]  # built in" in text


def test_what_is_printed_is_read_back_to_the_same(
    database: Database, whole: Path, tmp_path: Path
) -> None:
    answer = clickstats("definition", "--definition", str(whole), database=database)
    assert answer.code == 0, answer.errors
    printed = tomllib.loads(answer.text)
    assert printed["clicks"] | tomllib.loads(WHOLE)["clicks"] == printed["clicks"]
    again = tmp_path / "again.toml"
    again.write_bytes(answer.output)
    first, second = (
        json.loads(
            clickstats(
                "definition", "--definition", str(file), "--format", "json", database=database
            ).text
        )
        for file in (whole, again)
    )
    assert first["definition"] == second["definition"]
    assert first["fingerprint"] == second["fingerprint"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_an_output_that_is_not_utf_8_loses_nothing(tmp_path: Path, encoding: str) -> None:
    """A definition is read as UTF-8, whatever the shell's locale is."""
    functions = {"Résumé": ["résumé", "日本", "🙂"]}
    file = tmp_path / "definition.toml"
    file.write_text('[functions]\n"Résumé" = ["résumé", "日本", "🙂"]\n', encoding="utf-8")
    answer = as_process("definition", "--check", str(file), PYTHONIOENCODING=encoding)
    assert answer.code == 0, answer.errors
    assert tomllib.loads(answer.text)["functions"] == functions


def test_each_value_says_where_it_comes_from(database: Database, whole: Path) -> None:
    answer = clickstats(
        "definition", "--definition", str(whole), "--timezone", "Asia/Tokyo", database=database
    )
    lines = answer.text.splitlines()
    assert 'reporting = "Asia/Tokyo"  # --timezone or CLICKSTATS_TIMEZONE' in lines
    assert f'count = "human"  # {whole}' in lines
    assert "repeat_seconds = 15  # built in" in lines
    assert f"[functions]  # {whole}" in lines


def test_the_published_one_is_in_force_in_a_bare_shell(database: Database, whole: Path) -> None:
    assert clickstats("run", "--all", "--definition", str(whole), database=database).code == 0
    answer = clickstats("definition", database=database)
    assert 'count = "human"  # the last published run' in answer.text
    assert "# not what" not in answer.text
    other = clickstats("definition", "--timezone", "UTC", database=database)
    assert (
        '# not what the last published run used: time.reporting was "Europe/Berlin", is "UTC"'
        in other.text
    )


def test_a_file_that_is_read_is_not_written_over(database: Database, whole: Path) -> None:
    """By then the shell has emptied it, and an empty file is the built-in definition."""
    assert clickstats("run", "--all", "--definition", str(whole), database=database).code == 0
    for arguments in ([], ["--check", str(whole)], ["--format", "json"]):
        with whole.open("wb") as output:
            command = ["definition", *arguments]
            said = as_process(
                *command, database=database, output=output, CLICKSTATS_DEFINITION=str(whole)
            )
        assert (said.code, whole.read_text(encoding="utf-8")) == (2, ""), arguments
        assert "an empty file is the built-in definition" in said.errors
    with whole.open("wb") as output:
        assert as_process("definition", database=database, output=output).code == 0
    assert 'count = "human"  # the last published run' in whole.read_text(encoding="utf-8")


def test_a_file_is_checked_without_a_database(whole: Path) -> None:
    answer = clickstats("definition", "--check", str(whole))
    assert (answer.code, answer.errors) == (0, "")
    assert f"sweep_links = 0  # {whole}" in answer.text


def test_a_name_of_a_file_with_a_line_break_stays_in_its_comment(tmp_path: Path) -> None:
    file = tmp_path / "a\nsweep_links = 99"
    file.write_text("[clicks]\nsweep_links = 5\n", encoding="utf-8")
    answer = clickstats("definition", "--check", str(file))
    assert tomllib.loads(answer.text)["clicks"]["sweep_links"] == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[click]\n", "click is unknown; expected one of time, clicks"),
        ("[clicks]\nsweep_second = 3\n", "clicks.sweep_second is unknown"),
        ('[clicks]\ncount = "people"\n', "clicks.count"),
        (
            '[clicks]\nsweep_links = "3"\n',
            "clicks.sweep_links: expected a whole number, got a text",
        ),
        ("[clicks]\nsweep_links = 1\n", "clicks.sweep_links: 1; expected 2 to 100, or 0"),
        ('[clicks]\nown_networks = ["10.0.0.1/8"]\n', "clicks.own_networks"),
        ('[time]\nclicks = "CET"\n', "time.clicks: CET means a fixed offset"),
        ("[clicks\n", "line 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    answer = clickstats("definition", "--check", str(file))
    assert (answer.code, answer.output) == (2, b"")
    assert str(file) in answer.errors
    assert expected in answer.errors


NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.mark.parametrize(
    "command", ["run --all", "followups", "explain 12345678", "verify", "report", "definition"]
)
def test_a_mistake_in_the_file_is_told_before_a_server_is_asked(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[click]\n", encoding="utf-8")
    arguments = [*command.split(), "--database-url", NOWHERE]
    by_option = clickstats(*arguments, "--definition", str(file))
    by_variable = clickstats(*arguments, CLICKSTATS_DEFINITION=str(file))
    assert by_option.code == by_variable.code == 2
    assert by_option.errors == by_variable.errors
    assert "click is unknown; expected one of time, clicks" in by_option.errors
    assert len(by_option.errors.splitlines()) == 1
