"""`clickstats predict` as a user sees it."""

import re

import pytest

from tests.commands import clickstats
from tests.databases import Database
from tests.lives import Life, by_chance, load

EARLY = [(0.5, "LinkedIn"), (1.0, "Calendly")]


def said(*arguments: str, database: Database, **environment: str) -> str:
    """What it prints, on one line."""
    answer = clickstats("predict", *arguments, database=database, **environment)
    assert answer.code == 0, answer.errors
    return re.sub(r"\s+", " ", answer.text)


def test_what_is_shown_and_what_is_not(database: Database) -> None:
    load(database, [*by_chance(1, told=0.3), Life(age=20), Life("interview", 1), Life("Gespräch")])
    text = said(database=database)
    assert "Engagement and interviews: a high score predicts interviews. AUC 0." in text
    assert "Engagement and offers: not computable. No application that takes part has an" in text
    assert "301 of 303 applications take part" in text
    assert "1 too recent, less than 30 d beyond the 3 d; 1 with a response within the 3 d" in text
    assert "since every response came after the clicks" in text
    assert "Statuses that match nothing: applied, Gespräch. Where one of them means" in text
    assert "several link types" in text


def test_no_difference_and_too_few(database: Database) -> None:
    load(database, [Life("interview", 10)] * 10 + [Life("offer", 10)] * 9 + [Life()] * 20)
    text = said(database=database)
    assert "Intent and interviews: no difference found. AUC 0.50" in text
    assert "Intent and offers: too few to say. 9 of 39 applications" in text


def test_goes_with(database: Database) -> None:
    told = [Life("interview", None, EARLY)] * 20 + [Life()] * 20
    load(database, told, with_times=False)
    text = said(database=database)
    assert "a high score goes with interviews" in text
    assert "without first_response_received_at, which job_applications lacks" in text
    assert "score predicts" not in text
    load(database, told + [Life("interview", 10, EARLY)] * 20)
    text = said(database=database)
    assert "a high score goes with interviews" in text
    assert "20 of 40 outcomes have no time" in text


def test_without_statuses(database: Database) -> None:
    database.execute("alter table job_applications drop column application_status")
    assert "job_applications has no column application_status" in said(database=database)


def test_a_narrow_terminal(database: Database) -> None:
    load(database, by_chance(1, told=0.3))
    text = clickstats("predict", database=database, COLUMNS="80").text
    assert max(map(len, text.splitlines())) <= 80
    for line in text.splitlines():
        assert "…" not in line
    assert re.search(r"very quick response +\d+ ", text)
    assert re.search(r"60–69 +0( +–){3} *\n", text)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--landmark", "soon"], "'soon' is not a duration"),
        (["--landmark", "0d"], "expected more than nothing"),
        (["--landmark", "36501d"], "expected at most 36500d"),
        (["--mature", "999999999d"], "expected at most 36500d"),
        (["--mature", "-1d"], "is not a duration"),
    ],
)
def test_mistakes(arguments: list[str], complaint: str) -> None:
    answer = clickstats("predict", *arguments, database="postgresql://nowhere.invalid/db")
    assert answer.code == 2
    assert complaint in answer.errors


def test_a_status_cannot_steer_the_terminal(database: Database) -> None:
    load(database, [Life("\x1b[31mred")])
    answer = clickstats("predict", database=database)
    assert answer.code == 0
    assert "\x1b[31m" not in answer.text
    assert "\\x1b[31mred" in answer.text
