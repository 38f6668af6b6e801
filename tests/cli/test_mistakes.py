"""What the command line says to mistakes in typing, and to outputs that cannot be written."""

import os
from pathlib import Path

import pytest

from tests.commands import as_process, clickstats
from tests.databases import Database
from tests.drawings import named

FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'? See clickstats --help"),
        (["report", "--htlm", "x"], "--html); see clickstats report --help"),
        (["explain"], "Missing argument 'UUID...'; see clickstats explain --help"),
        (["status", "--max-agee", "1h"], "--max-age"),
        (["describe", "qick response"], "did you mean 'quick response'"),
    ],
)
def test_a_suggestion_or_where_to_look(arguments: list[str], said: str) -> None:
    answer = clickstats(*arguments)
    assert (answer.code, answer.output) == (2, b"")
    assert said in answer.errors
    assert len(answer.errors.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", ["changes --since", "followups --within", "status --max-age", "predict --mature"]
)
@pytest.mark.parametrize("span", ["800000d", "9999999d", "1" + 400 * "0" + "s"])
def test_a_duration_that_goes_back_beyond_all_instants(
    filled: Database, arguments: str, span: str
) -> None:
    answer = clickstats(*arguments.split(), span, database=filled)
    assert (answer.code, answer.output) == (2, b"")
    assert "expected at most" in answer.errors
    assert "too long" not in clickstats(*arguments.split(), "36500d", database=filled).errors


@pytest.mark.parametrize("arguments", [["explain"], ["run", "--app-id"]])
def test_unknown_applications_only(filled: Database, arguments: list[str]) -> None:
    answer = clickstats(*arguments, str(named("nobody")), database=filled)
    assert answer.code == 4
    assert answer.errors.strip().endswith("expected ids from job_applications")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["describe", "describe intent_score --format json"])
def test_a_full_disk_behind_standard_output_is_one_line(arguments: str) -> None:
    with FULL.open("wb") as full:
        answer = as_process(*arguments.split(), output=full)
    assert answer.code == 2
    assert answer.errors.startswith("clickstats: cannot write the output: No space left")
    assert len(answer.errors.splitlines()) == 1


def test_a_reader_that_has_gone_is_not_worth_a_word() -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as broken:
        answer = as_process("describe", output=broken)
    assert (answer.code, answer.errors) == (1, "")
