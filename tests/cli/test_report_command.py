"""`clickstats report` as a user sees it."""

from pathlib import Path

import pytest

from tests.commands import clickstats
from tests.databases import Database


def test_text(sampled: Database) -> None:
    answer = clickstats("report", database=sampled)
    assert answer.code == 0, answer.errors
    for heading in (
        "How the scores are spread",
        "Whom to follow up first",
        "How often each rule fires",
        "Which links are clicked",
        "Time to the first click",
        "Do the scores predict?",
        "How the runs went",
    ):
        assert heading in answer.text
    assert max(map(len, answer.text.splitlines())) <= 160


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
    assert "report.html: 1.0 MB" in answer.errors
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
