"""No text of the database or the ledger steers the terminal, whatever command shows it."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import WORLD
from tests.commands import clickstats
from tests.databases import Database, fresh
from tests.drawings import named

KEEN = str(named("keen"))
HOSTILE = "a\x1b[31mb\x9b2Jc\x7fd\u202ee\rf[bold]g"


@pytest.fixture(scope="module")
def with_hostile_texts(server_url: str, with_all_tables: str) -> Iterator[str]:
    """The template with one wherever a text can stand: link functions, what the ledger says, names
    of columns."""
    with fresh(server_url, with_all_tables) as template:
        template.load(WORLD)
        make_hostile(template)
        yield template.name


@pytest.fixture
def hostile(server_url: str, with_hostile_texts: str) -> Iterator[Database]:
    with fresh(server_url, with_hostile_texts) as hostile:
        yield hostile


def make_hostile(filled: Database) -> None:
    filled.execute(
        "update link_tracking set link_function = case application_id when %s then %s else %s end",
        [KEEN, HOSTILE, HOSTILE.upper()],  # which a report writes as a line of a definition
    )
    assert clickstats("run", "--all", "--quiet", database=filled).code == 0
    filled.execute(
        "update clickstats_runs set warnings = array[%(text)s], timezone = %(text)s",
        {"text": HOSTILE},
    )
    filled.execute(
        "insert into clickstats_runs (id, started_at, command, options, version, rules, timezone,"
        " host, pid, outcome, exit_code, error)"
        " values (gen_random_uuid(), now(), 'run --all', '{}', '', '', '', '', 1, 'failed', 1,"
        " %(text)s), (gen_random_uuid(), now(), %(text)s, '{}', '', '', '', '', 1, 'died', 1, '')",
        {"text": HOSTILE},
    )
    filled.execute("alter table clickstats_runs drop constraint valid_outcome")
    filled.execute("update clickstats_runs set outcome = %s where error = ''", [HOSTILE])
    filled.execute(f'alter table link_click_analytics add column "{HOSTILE}" integer')
    filled.execute("update link_click_analytics set total_click_events = 7")


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["report"],
        ["verify"],
        ["verify", "--sample", "3", "--timezone", "Asia/Tokyo"],
        ["explain", KEEN],
        ["run", "--app-id", KEEN],
        ["run", "--all", "--dry-run"],
        ["run", "--all"],
        ["migrate", "--check"],
        ["status", "--format", "json"],
        ["report", "--format", "json"],
        ["explain", KEEN, "--format", "json"],
        ["verify", "--format", "json"],
        ["run", "--app-id", KEEN, "--format", "json"],
    ],
    ids=" ".join,
)
def test_no_control_character(hostile: Database, command: list[str]) -> None:
    answer = clickstats(*command, database=hostile, COLUMNS="200", PYTHONUTF8="1")
    assert "Traceback" not in answer.errors
    shown = answer.text + answer.errors
    assert [each for each in shown if not each.isprintable() and each != "\n"] == []
    if "json" in command:
        assert json.loads(answer.text)


def test_json_holds_the_very_text(hostile: Database) -> None:
    answer = clickstats("explain", KEEN, "--format", "json", database=hostile, PYTHONUTF8="1")
    [one] = json.loads(answer.text)
    assert set(one["metrics"]["click_sequence"]) == {HOSTILE}


def test_what_status_says_of_later_clicks(filled: Database) -> None:
    """A back-dated click is none, although it is not counted yet."""
    assert clickstats("run", "--all", "--quiet", database=filled).code == 0
    click = "insert into link_clicks (tracking_id, clicked_at) values (%s, now() - %s::interval)"
    filled.execute(click, ["k1", "10 years"])
    assert (
        "0 applications have a click dated after it." in clickstats("status", database=filled).text
    )
    filled.execute(click, ["k1", "0"])
    assert "1 application has a click dated after it." in clickstats("status", database=filled).text
