"""How a score came about: the steps, in words, over drawn applications."""

from inspect import cleandoc
from typing import Any

import pytest

from pipeline.scoring.rules import waterfall
from pipeline.scoring.scores import SCORES
from tests.drawings import application_drawn
from tests.in_memory import computed
from tests.oracle import Definition


def steps(drawing: str, score: str) -> dict[str, dict[str, Any]]:
    drawn = application_drawn(f"{cleandoc(drawing)}\n\ntotal_click_events | 0")
    rows, _ = computed(drawn.world, Definition(drawn.timezone))
    table = rows.select(score, steps=waterfall(SCORES[score])).row(0, named=True)
    assert sum(step["points"] for step in table["steps"]) == table[score]
    return {step["rule"]: step for step in table["steps"]}


FULL = """
created at: Mon 2024-03-04 09:00

clicked at           | link function
Mon 2024-03-04 09:30 | LinkedIn
Sat 2024-03-09 09:30 | Calendly
Sat 2024-03-09 09:31 | Calendly
"""


def test_the_cap_is_a_negative_row() -> None:
    cap = steps(FULL, "engagement_score")["cap"]
    assert cap == {
        "rule": "cap",
        "fired": True,
        "points": -40,
        "why": "at most 100 points: the rules add up to 140",
    }


def test_a_cap_that_takes_nothing_has_not_fired() -> None:
    cap = steps(FULL, "intent_score")["cap"]
    assert (cap["fired"], cap["points"]) == (False, 0)


@pytest.mark.parametrize(
    ("score", "rule", "points", "evidence"),
    [
        ("engagement_score", "any engagement", 10, "3 clicks"),
        ("engagement_score", "LinkedIn viewed", 25, "1 of 3 clicks"),
        ("engagement_score", "repeat clicks", 5, "3 clicks on 2 link functions"),
        ("engagement_score", "quick response", 30, "30m after it"),
        ("engagement_score", "weekend click", 20, "clicked on Monday, Saturday"),
        ("intent_score", "quick response", 0, "30m after it"),
        ("intent_score", "high velocity", 0, "0.5999 a day, 3 clicks in 5d 1m"),
        ("intent_score", "repeat visits", 0, "3 clicks"),
    ],
)
def test_evidence(score: str, rule: str, points: int, evidence: str) -> None:
    step = steps(FULL, score)[rule]
    assert (step["fired"], step["points"]) == (points != 0, points)
    assert step["why"].endswith(f": {evidence}")


@pytest.mark.parametrize(
    ("clicked_at", "fired", "evidence"),
    [
        ("2024-03-04 12:59:59.999999", True, "3h 59m 59s after it"),
        ("2024-03-04 13:00", False, "4h after it"),
        ("2024-03-04 13:00:00.000001", False, "4h after it"),
        ("2024-03-04 09:00:00.000001", True, "1µs after it"),
        ("2024-03-04 09:00", False, "at its very moment, which is no response"),
        ("2024-03-04 08:00", False, "1h before it"),
        ("2024-02-03 08:59:59.5", False, "30d before it"),
    ],
)
def test_evidence_never_contradicts_the_points(clicked_at: str, fired: bool, evidence: str) -> None:
    drawing = f"""
    created at: 2024-03-04 09:00

    clicked at   | link function
    {clicked_at} | Resume
    """
    step = steps(drawing, "engagement_score")["quick response"]
    assert step["fired"] == fired
    assert step["why"].endswith(f": {evidence}")


def test_without_clicks_no_rule_fires_and_every_rule_says_why() -> None:
    for score in SCORES:
        for step in steps("created at: 2024-03-04 09:00", score).values():
            assert (step["fired"], step["points"]) == (False, 0)
            assert step["why"]
