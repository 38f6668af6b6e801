"""`clickstats report` as a user sees it."""

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from tests.commands import clickstats
from tests.databases import Database


def test_text(sampled: Database) -> None:
    answer = clickstats("report", database=sampled)
    assert answer.code == 0, answer.errors
    headings = (
        "Whom to follow up",
        "What changed",
        "How fresh it all is",
        "Both readings",
        "How the scores are spread",
        "How often each rule fires",
        "Which links are clicked",
        "Time to the first click",
        "Do the scores predict?",
        "Machine clicks over time",
        "How the runs went",
    )
    at = [answer.text.index(heading) for heading in headings]
    assert at == sorted(at)
    assert max(map(len, answer.text.splitlines())) <= 160


def test_both_readings_stand_side_by_side(sampled: Database) -> None:
    text = clickstats("report", database=sampled).text
    [(every, human)] = sampled.execute(
        "select sum(human_clicks + machine_clicks + own_clicks + repeated_clicks),"
        " sum(human_clicks) from application_scores"
    )
    assert re.search(rf"^ all clicks +{every:,} ", text, re.MULTILINE)
    assert re.search(rf"^ human clicks +{human:,} ", text, re.MULTILINE)
    assert "All clicks: Half of the first clicks come within" in text
    assert "Human clicks: Half of the first clicks come within" in text
    assert "are machine clicks (0.8%: trap 0, declared" in text


def test_which_definition_is_in_force(filled: Database, tmp_path: Path) -> None:
    assert "No run --all was published yet" in clickstats("report", database=filled).text
    assert clickstats("run", "--all", database=filled).code == 0
    text = clickstats("report", database=filled).text
    assert "of the last published run: all clicks count." in text
    assert "No application has a click dated after" in text
    definition = tmp_path / "definition.toml"
    definition.write_text('[clicks]\ncount = "human"\nown_networks = ["10.0.0.0/8"]\n')
    given = ["--definition", str(definition)]
    text = clickstats("report", *given, database=filled).text
    assert ": human clicks count) than that of the last" in text
    assert 'clicks.own_networks was [], is ["10.0.0.0/8"]' in text
    page = clickstats("report", *given, "--html", "-", database=filled).text
    for each in (text, page):
        assert "By the definition of the last published run, as it stored them." in each
    assert "own_networks was [], is [&#34;10.0.0.0/8&#34;]" in page


@pytest.mark.parametrize("how", [[], ["--html", "-"]])
def test_how_to_make_two_spellings_one(filled: Database, how: list[str]) -> None:
    filled.execute("update link_tracking set link_function = 'calendly ' where tracking_id = 'k1'")
    filled.execute(
        "insert into link_tracking values ('other', (select application_id from link_tracking"
        " where tracking_id = 'k1'), 'Calendly')"
    )
    filled.execute("insert into link_clicks (tracking_id, clicked_at) values ('other', now())")
    assert clickstats("run", "--all", database=filled).code == 0
    text = unescape(clickstats("report", *how, database=filled).text)
    assert "differ only in case or white space" in text
    assert '"Calendly" = ["calendly "]' in text


def test_months_without_a_click_keep_their_place(filled: Database) -> None:
    """Nor do clicks in the future push them out."""
    [(last,)] = filled.execute("select max(clicked_at) from link_clicks")
    filled.execute(
        "insert into link_clicks (tracking_id, clicked_at) values ('k1', %s), ('k1', '2099-01-01')",
        (last + timedelta(days=100),),
    )
    assert clickstats("run", "--all", database=filled).code == 0
    text = clickstats("report", database=filled).text.partition("Machine clicks over time")[2]
    months = [line.split()[0] for line in text.splitlines() if line.startswith(" 20")]
    assert months[:4] == ["2024-03", "2024-04", "2024-05", "2024-06"]


def test_a_narrow_terminal(filled: Database) -> None:
    """Nothing is wider, and no figure is cut, however long a name is."""
    filled.execute(
        "update link_tracking set link_function = %s where tracking_id = 'k1'", ("W" * 50,)
    )
    filled.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select 'k1', '2024-03-04 11:00' from generate_series(1, 12344)"
    )
    assert clickstats("run", "--all", database=filled).code == 0
    text = clickstats("report", database=filled, COLUMNS="80").text
    assert max(map(len, text.splitlines())) <= 80
    assert "12,345" in text.partition("Which links are clicked")[2].partition("The commonest")[0]
    assert "published" in text.partition("How the runs went")[2]


def test_statuses_are_a_choice(sampled: Database) -> None:
    answer = clickstats("report", "--interview", "nothing", "--offer", "NONE*", database=sampled)
    assert "Intent and interviews: not computable." in answer.text
    assert "Statuses that match nothing: applied, interview, offer." in answer.text


def test_html(sampled: Database, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    answer = clickstats("report", "--html", str(path), database=sampled)
    assert (answer.code, answer.output) == (0, b"")
    assert "report.html: 0.5 MB" in answer.errors
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_html_to_standard_output(sampled: Database) -> None:
    answer = clickstats("report", "--html", "-", database=sampled)
    assert (answer.code, answer.errors) == (0, "")
    assert answer.text.endswith("</html>")


def test_a_folder_that_cannot_be_written_is_found_before_the_work() -> None:
    nowhere = "postgresql://nowhere.invalid/db"
    answer = clickstats("report", "--html", "/nowhere/x.html", "--database-url", nowhere)
    assert answer.code == 2
    assert "cannot write /nowhere/x.html" in answer.errors


def test_html_and_json_exclude_each_other(sampled: Database) -> None:
    answer = clickstats("report", "--html", "x.html", "--format", "json", database=sampled)
    assert answer.code == 2


@pytest.mark.parametrize(
    "statement", ["drop table link_click_analytics cascade", "drop table link_clicks"]
)
def test_a_missing_table_is_exit_5(database: Database, statement: str) -> None:
    database.execute(statement)
    answer = clickstats("report", database=database)
    assert answer.code == 5
    assert "migrate --check" in answer.errors


def test_an_empty_database(database: Database) -> None:
    answer = clickstats("report", database=database)
    assert answer.code == 0, answer.errors
    assert "There are no rows yet" in answer.text
    assert "Which links are clicked" not in answer.text


@pytest.mark.parametrize("how", ["text", "html"])
def test_failed_runs_are_marked_and_their_errors_are_text(
    filled: Database, tmp_path: Path, how: str
) -> None:
    assert clickstats("run", "--all", database=filled).code == 0
    filled.execute("delete from link_clicks")
    assert clickstats("run", "--all", database=filled).code == 6
    filled.execute("update clickstats_runs set error = '<b>' || error where error is not null")
    page = tmp_path / "report.html"
    arguments = ["--html", str(page)] if how == "html" else []
    answer = clickstats("report", *arguments, database=filled)
    assert answer.code == 0, answer.errors
    text = page.read_text(encoding="utf-8") if how == "html" else answer.text
    assert "failed, exit 6" in text
    assert "The newest run --all failed, exit 6" in text
    if how == "html":
        assert "1 of them published nothing (✕)." in text
        assert "failed, exit 6: &lt;b&gt;the audit failed" in text


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("drop table clickstats_runs", "there is no ledger"),
        ("truncate clickstats_runs", "no clickstats run --all yet"),
    ],
)
def test_no_runs_are_no_failure(
    filled: Database, tmp_path: Path, statement: str, said: str
) -> None:
    filled.execute(statement)
    page = tmp_path / "report.html"
    answer = clickstats("report", database=filled)
    assert answer.code == 0, answer.errors
    assert said in answer.text
    assert clickstats("report", "--html", str(page), database=filled).code == 0
    assert said in page.read_text(encoding="utf-8")
