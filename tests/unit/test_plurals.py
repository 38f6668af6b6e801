"""One of something is not several."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from cli.prediction_words import verdict, who_takes_part
from cli.wording import by_class
from pipeline.answers.prediction import Prediction, Verdict
from pipeline.audit import shift, warnings
from pipeline.run_report import RunReport

VERDICT: Verdict = {
    "score": "intent_score", "outcome": "interview", "verdict": "too few",
    "with_outcome": 1, "without": 0, "auc": None, "low": None, "high": None,
}  # fmt: skip
PREDICTION = Prediction(
    timedelta(days=3), timedelta(days=30), 1, 1, [], [], "predicts", None, 0, 0, [], [], [], []
)  # fmt: skip


def read(**counts: int) -> Iterable[str]:
    return warnings(RunReport("", datetime(2026, 1, 1), "UTC", **counts), None)  # type: ignore[arg-type]


def clicks(**classes: int) -> str:
    nothing = dict.fromkeys(("trap", "declared", "network", "sweep", "own", "repeat", "human"), 0)
    return by_class([{"month": "2026-01", **nothing, **classes}])  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (read(clicks_in_future=1, clicks_read=9), "1 click lies in the future"),
        (read(clicks_in_future=2, clicks_read=9), "2 clicks lie in the future"),
        (read(clicks_unusable=1, clicks_read=1), "1 of 1 click is unusable"),
        (read(clicks_unusable=2, clicks_read=2), "2 of 2 clicks are unusable"),
        ([shift(Counter({1: 30})) or ""], "in the first hour, and"),
        ([shift(Counter({2: 30})) or ""], "in the first 2 hours, and"),
        ([shift(Counter({-1: 30})) or ""], "up to 1 hour"),
        ([shift(Counter({-5: 30})) or ""], "up to 5 hours"),
        ([clicks(trap=1, repeat=1)], "1 is a machine click (50.0%: trap 1"),
        ([clicks(trap=1, repeat=1)], "0 the applicant's own and 1 repeat."),
        ([clicks(trap=2, human=1)], "Of 3 used clicks of the source 2 are machine clicks"),
        (verdict(PREDICTION, VERDICT), "1 of 1 application has one;"),
        (verdict(PREDICTION, {**VERDICT, "without": 3}), "1 of 4 applications has one;"),
        (verdict(PREDICTION, {**VERDICT, "with_outcome": 3}), "3 of 3 applications have one;"),
        ([who_takes_part(PREDICTION)], "1 of 1 application takes part, each"),
    ],
)  # fmt: skip
def test_one_and_several(said: Iterable[str], expected: str) -> None:
    text = "\n".join(said)
    assert expected in text
