"""How well a score tells applications with an outcome from those without: AUC and its interval."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.answers.prediction import (
    Horizon,
    StatusReading,
    bands,
    left_out,
    prediction,
    reading,
    rules,
    separation,
    verdict,
)
from pipeline.definition import Statuses
from pipeline.scoring.scores import ALL_RULES

Interval = tuple[float | None, float | None, float | None]
POINTS = st.lists(st.integers(0, 100), max_size=12)
FEW_POINTS = st.lists(st.integers(0, 3), max_size=12)
NOW = datetime(2024, 6, 1)


def found(having: Sequence[int], lacking: Sequence[int]) -> Interval:
    scores = pl.Series([*having, *lacking], dtype=pl.Int32)
    has = pl.Series([True] * len(having) + [False] * len(lacking), dtype=pl.Boolean)
    return separation(scores, has)


def of_all_pairs(having: Sequence[int], lacking: Sequence[int]) -> Interval:
    """The slow twin: DeLong's components from every pair."""
    if not having or not lacking:
        return None, None, None

    def wins(one: int, other: int) -> float:
        return 1.0 if one > other else 0.5 if one == other else 0.0

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    def variance(values: Sequence[float]) -> float:
        return sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1)

    auc = mean([wins(one, other) for one in having for other in lacking])
    if min(len(having), len(lacking)) == 1:
        return auc, None, None
    of_having = [mean([wins(one, other) for other in lacking]) for one in having]
    of_lacking = [mean([wins(one, other) for one in having]) for other in lacking]
    squared = variance(of_having) / len(having) + variance(of_lacking) / len(lacking)
    half = 1.959964 * squared**0.5
    return auc, max(auc - half, 0), min(auc + half, 1)


@given(having=POINTS | FEW_POINTS, lacking=POINTS | FEW_POINTS)
def test_separation_is_that_of_all_pairs(having: list[int], lacking: list[int]) -> None:
    for fast, slow in zip(found(having, lacking), of_all_pairs(having, lacking), strict=True):
        assert fast == (None if slow is None else pytest.approx(slow, abs=1e-7))


@pytest.mark.parametrize(
    ("having", "lacking", "auc"),
    [([9], [1], 1), ([1], [9], 0), ([5], [5], 0.5), ([1, 5], [1, 3], 0.625), ([], [1], None)],
)
def test_the_chance_of_the_higher_score(
    having: list[int], lacking: list[int], auc: float | None
) -> None:
    assert found(having, lacking)[0] == auc


def test_an_interval_holds_the_truth_in_95_of_100() -> None:
    dice = random.Random(1)
    held = 0
    for _ in range(400):
        _, low, high = found(*([dice.randrange(0, 101, 5) for _ in range(n)] for n in (40, 80)))
        assert low is not None
        assert high is not None
        held += low <= 0.5 <= high
    assert 0.92 < held / 400 < 0.98


def scored(having: Sequence[int], lacking: Sequence[int]) -> pl.DataFrame:
    points = [*having, *lacking]
    return pl.DataFrame(
        {
            "reached": [2] * len(having) + [0] * len(lacking),
            "engagement_score": points,
            "intent_score": points,
            "human_rules": [int(score > 0) for score in points],
        },
        schema=dict.fromkeys(
            ("reached", "engagement_score", "intent_score", "human_rules"), pl.Int32()
        ),
    )


@pytest.mark.parametrize(
    ("having", "lacking", "expected"),
    [
        ([50] * 10, [10] * 10, "higher"),
        ([10] * 10, [50] * 10, "lower"),
        ([10, 50] * 10, [10, 50] * 10, "no difference found"),
        ([0] * 10, [0] * 10, "no difference found"),
        ([50] * 9, [10] * 10, "too few"),
        ([50] * 10, [10], "too few"),
        ([], [10] * 10, "not computable"),
        ([10] * 10, [], "not computable"),
        ([], [], "not computable"),
    ],
)
def test_verdicts(having: list[int], lacking: list[int], expected: str) -> None:
    found = verdict(scored(having, lacking), "intent_score", "interview")
    assert found["verdict"] == expected
    assert (found["with_outcome"], found["without"]) == (len(having), len(lacking))


def test_an_interview_is_a_response_and_no_offer() -> None:
    rows = {(row["outcome"], row["band"]): row for row in bands(scored([100, 90, 89], [95, 3]))}
    assert len(rows) == 30
    assert [
        (rows[outcome, 90]["successes"], rows[outcome, 90]["applications"])
        for outcome in ("response", "interview", "offer")
    ] == [(2, 3), (2, 3), (0, 3)]
    assert rows["interview", 0]["rate"] == 0
    assert rows["interview", 10]["rate"] is None


def test_rules_where_they_fired_and_where_not() -> None:
    found = rules(scored([10, 10, 0], [10, 0]))
    assert len(found) == 3 * len(ALL_RULES)
    interview = found[1]
    assert (interview["rule"], interview["outcome"]) == ("any engagement", "interview")
    assert (interview["fired"]["successes"], interview["fired"]["applications"]) == (2, 3)
    assert (interview["not_fired"]["successes"], interview["not_fired"]["applications"]) == (1, 2)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Offer", "offer"),
        ("hired", "offer"),  # closed, too
        ("offer_declined", "offer"),
        ("Phone Screen", "interview"),
        ("responded", "response"),
        ("rejected", "closed"),
        ("applied", "nothing"),
        ("", "nothing"),
        (None, "nothing"),
    ],
)
def test_what_a_status_is_read_as(status: str | None, expected: str) -> None:
    assert reading(status, 1, Statuses())["read_as"] == expected


@pytest.mark.parametrize(
    ("age", "responded", "reached", "expected"),
    [
        (None, None, 0, "no created_at"),
        (200, None, 0, "frozen"),
        (32.99, None, 0, "too recent"),
        (32.99, 40, 2, "too recent"),  # whatever happened since
        (33, None, 0, None),
        (50, 3, 2, "response before the landmark"),
        (50, 3, 0, "response before the landmark"),  # such as a rejection
        (50, -1, 2, "response before the landmark"),
        (50, 3.01, 2, None),
        (50, None, 1, "outcome without a time"),
        (50, None, 0, None),
    ],
)
def test_who_is_left_out(
    age: float | None, responded: float | None, reached: int, expected: str | None
) -> None:
    created_at = None if age is None else NOW - timedelta(days=age)
    answered = None
    if created_at is not None and responded is not None:
        answered = created_at + timedelta(days=responded)
    row = pl.DataFrame(
        {"created_at": [created_at], "responded_at": [answered], "reached": [reached]},
        schema={
            "created_at": pl.Datetime("us"),
            "responded_at": pl.Datetime("us"),
            "reached": pl.Int32(),
        },
    )
    three, thirty = timedelta(days=3), timedelta(days=30)
    horizon = Horizon(NOW, three, thirty, NOW - timedelta(days=100))
    assert row.select(left_out(horizon, has_times=True)).item() == expected
    if expected == "outcome without a time":
        assert row.select(left_out(horizon, has_times=False)).item() is None


@pytest.mark.parametrize(("timed", "words"), [(8, "goes with"), (9, "predicts")])
def test_outcomes_without_a_time_take_the_word_away(timed: int, words: str) -> None:
    """One in ten of them may lack it."""
    applications = pl.DataFrame(
        {"reached": [2] * (timed + 1), "left_out": ["outcome without a time"] + [None] * timed},
        schema_overrides={"left_out": pl.Enum(["outcome without a time"])},
    )
    horizon = Horizon(NOW, timedelta(days=3), timedelta(days=30), None)
    statuses: list[StatusReading] = []
    rows = scored([10] * timed, [])
    found = prediction(applications, rows, statuses, horizon, [], has_times=True)
    assert (found.words, found.outcomes_without_time, found.outcomes) == (words, 1, timed + 1)
