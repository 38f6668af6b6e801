"""The other tests run commands inside their own process; here the same commands answer as processes
do."""

import re
from contextlib import closing

import pytest

from tests.commands import as_process, clickstats
from tests.databases import Database
from tests.drawings import named

KEEN, NOBODY = str(named("keen")), str(named("nobody"))
UNREACHABLE = "postgresql://127.0.0.1:1/x"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("run --help", 0),
        (f"explain {KEEN} {NOBODY} --format json", 4),
        ("export - --format parquet", 0),
        (f"run --quiet --app-id {KEEN}", 0),
        ("runn", 2),
        ("status --max-age 1h", 7),
        (f"run --all --quiet --database-url {UNREACHABLE} --connect-timeout 1", 3),
    ],
)
def test_the_same_answer(filled: Database, command: str, code: int) -> None:
    here, apart = (
        way(*command.split(), database=filled, COLUMNS="80", FORCE_COLOR="1")
        for way in (clickstats, as_process)
    )
    assert here.code == code, here.errors
    assert here == apart


def test_the_same_answer_about_a_server_that_refuses_the_work(filled: Database) -> None:
    filled.execute(f"alter database {filled.name} set lock_timeout = '300ms'")
    with closing(filled.connect()) as other, other.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        here = clickstats("run", "--all", "--quiet", database=filled)
        assert here.code == 8, here.errors
        assert here == as_process("run", "--all", "--quiet", database=filled)


@pytest.mark.parametrize("command", ["run --all --format json --log-format json -v", "report"])
def test_the_same_answer_but_for_ids_times_and_durations(filled: Database, command: str) -> None:
    assert clickstats("run", "--all", database=filled).code == 0
    here, apart = (way(*command.split(), database=filled) for way in (clickstats, as_process))
    assert (here.code, apart.code) == (0, 0)
    assert without_figures(here.text) == without_figures(apart.text)
    assert without_figures(here.errors) == without_figures(apart.errors)


def without_figures(text: str) -> str:
    return re.sub(r"[\dA-Fa-f-]*\d[\dA-Fa-f.:-]*", "…", text)
