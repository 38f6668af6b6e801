"""At 80 columns no heading is cut and no id wraps, whatever the names; a run prints each number
once."""

import json
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from cli.run_words import of_run
from pipeline.run_report import RunReport
from tests.commands import clickstats
from tests.databases import Database, fresh
from tests.processes import on_terminal

NAMES = (
    "Acme",
    "Nordwestdeutsche Maschinenbau- und Anlagentechnik Gesellschaft mit beschränkter Haftung",
    "株式会社日本電気通信システム技術研究所グループホールディングス",
    "a\x1b[31mb\x9b2Jc\x7fd\u202ee\rf\ng[bold]h",
    "x" * 200,
)
WORLD = """
create table companies (id integer primary key, name text);
alter table jobs add column job_title text, add column company_id integer;
insert into companies
    select number, name from unnest(%(names)s) with ordinality as n (name, number);
insert into jobs (id, job_title, company_id) select md5(name)::uuid, name, id from companies;
insert into job_applications
    select id, id, clock_timestamp() at time zone 'utc' - interval '2 days', left(job_title, 50)
    from jobs;
insert into link_tracking select left(job_title, 99), id, left(job_title, 50) from jobs;
insert into link_clicks (tracking_id, clicked_at)
    select tracking_id, clock_timestamp() at time zone 'utc' - interval '1 day' from link_tracking;
"""
CLICKED_AGAIN = """
insert into link_clicks (tracking_id, clicked_at)
    select tracking_id, clock_timestamp() at time zone 'utc' - interval '1 hour' from link_tracking
"""
HEADINGS = {
    "followups": ["id", "company and job", "intent", "engagement", "last click"],
    "changes": ["id", "when (UTC)", "intent", "engagement", "company and job"],
    "verify": ["application and column", "stored", "expected"],
    "status": [
        "started (UTC)", "command", "state", "exit", "seconds", "inserted", "updated",
    ],
}  # fmt: skip
BOLD = re.compile(r"\x1b\[[01]m")  # NO_COLOR leaves headings bold


@pytest.fixture(scope="module")
def named(server_url: str, with_all_tables: str) -> Iterator[Database]:
    with fresh(server_url, with_all_tables) as named:
        named.execute(WORLD, {"names": list(NAMES)})
        for change in (CLICKED_AGAIN, "update link_click_analytics set intent_score = 1"):
            assert clickstats("run", "--all", "--quiet", database=named).code == 0
            named.execute(change)
        yield named


def shown(named: Database, columns: int, command: str) -> str:
    code, text = on_terminal(named.url, columns, *command.split(), NO_COLOR="1")
    assert code in (0, 6)
    return BOLD.sub("", text)


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("command", HEADINGS)
def test_a_table_fits_the_terminal(named: Database, command: str, columns: int) -> None:
    text = shown(named, columns, command)
    found, _, _ = text.partition("clickstats: ")  # an error is one line, however long
    assert [line for line in found.splitlines() if cell_len(line) > columns] == []
    assert [each for each in found if not each.isprintable() and each != "\n"] == []
    headings = " {2,}".join(map(re.escape, HEADINGS[command]))
    assert re.search(rf"^ +{headings}\b", found, re.MULTILINE), found


@pytest.mark.parametrize("how", ["terminal", "pipe", "narrow pipe"])
@pytest.mark.parametrize("command", ["followups", "changes", "verify"])
def test_no_id_wraps(named: Database, command: str, how: str) -> None:
    answer = clickstats(command, "--format", "json", database=named).text
    rows = json.loads(answer)[{"verify": "differences"}.get(command, command)]
    ids = {row.get("short_id", row["application_id"]) for row in rows}
    assert len(ids) == len(NAMES)
    environment = {"COLUMNS": "80"} if how == "narrow pipe" else {}
    text = (
        shown(named, 80, command)
        if how == "terminal"
        else clickstats(command, database=named, **environment).text
    )
    assert {line.split()[0] for line in text.splitlines() if line.strip()} >= ids


def test_what_does_not_fit_beside_stands_under_the_names(named: Database) -> None:
    wide, narrow = (
        " ".join(clickstats("followups", database=named, COLUMNS=columns).text.split())
        for columns in ("160", "80")
    )
    assert "h ago on Acme" in wide
    assert "last on" not in wide
    assert "Acme; last on Acme; " in narrow
    for text in (wide, narrow):
        assert "Acme · Acme" in text
        assert f"{'x' * 59}…" in text.replace(" ", "")


COUNTED = re.compile(r"^ +(\w[\w ]*?) +([\d,]+)\b", re.MULTILINE)


def test_a_run_prints_each_number_once(database: Database) -> None:
    database.execute(WORLD, {"names": list(NAMES)})
    code, text = on_terminal(database.url, 80, "run", "--all", NO_COLOR="1")
    assert code == 0
    assert COUNTED.findall(text) == [
        ("applications", "5"), ("inserted", "5"), ("updated", "0"), ("unchanged", "0"),
        ("clicks read", "5"), ("used", "5"), ("human", "5"),
        ("unusable", "0"), ("unattributed", "0"), ("readings written", "5"),
    ]  # fmt: skip
    assert text.count("─") == 0
    assert "INFO" not in text
    assert "INFO read: 5 clicks read in" in clickstats("run", "--all", database=database).errors
    _, text = on_terminal(database.url, 80, "run", "--all", "--verbose", NO_COLOR="1")
    assert "INFO read: 5 clicks read in" in text


def test_what_is_out_of_the_ordinary_is_explained(database: Database) -> None:
    database.execute(WORLD, {"names": list(NAMES)})
    plain = clickstats("run", "--all", "--limit", "2", database=database).text
    assert re.search(r"pending +3 +left for a later run by --limit", plain)
    for name in ("newer", "gone", "frozen"):
        assert name not in plain
    report = RunReport("", datetime(2026, 1, 1), "UTC", newer=1, gone=2, frozen=3)
    table, *_ = of_run(report)
    out = Console(width=80)
    with out.capture() as captured:
        out.print(table)
    assert [" ".join(line.split()) for line in captured.get().splitlines()][5:8] == [
        "newer 1 left alone: a run --app-id has newer results",
        "gone 2 deleted while the run was under way",
        "frozen 3 older than frozen_after_days: stored rows kept",
    ]


@pytest.mark.parametrize("arguments", ["--all", "--all --dry-run", "--all --full", "--app-id ID"])
def test_quiet_prints_nothing_but_errors(database: Database, arguments: str) -> None:
    """Not even warnings, which the ledger keeps."""
    database.execute(WORLD, {"names": list(NAMES)})
    database.execute("update link_clicks set clicked_at = now() + interval '1 hour'")
    [(one,)] = database.execute("select min(id::text) from job_applications")
    answer = clickstats("run", *arguments.replace("ID", one).split(), "--quiet", database=database)
    assert (answer.code, answer.text, answer.errors) == (0, "", "")
    if arguments == "--all":
        assert "5 clicks lie in the future" in clickstats("status", database=database).text
    answer = clickstats("run", "--all", "--quiet", "--schema", "nowhere", database=database)
    assert answer.code == 5
    assert answer.text == ""
    assert len(answer.errors.splitlines()) == 1
