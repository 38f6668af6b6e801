"""Why a click has its class, in words."""

from datetime import datetime, timedelta
from time import process_time

import pytest

from pipeline.answers.click_reasons import Click, Reasons
from pipeline.definition import Clicks

NOON = datetime(2024, 3, 4, 12)
RULES = Clicks(
    trap_functions=("Trap",), machine_networks=("192.0.2.0/24",), own_networks=("198.51.100.0/24",)
)


def click(
    class_: str,
    seconds: float = 0,
    function: str = "Resume",
    *,
    agent: str | None = None,
    address: str | None = None,
) -> Click:
    at = NOON + timedelta(seconds=seconds)
    return Click(
        clicked_at=at,
        local_time=at.isoformat(),
        day_of_week=1,
        hour=12,
        link_function=function,
        link=hash(function),
        class_=class_,
        user_agent=agent,
        ip_address=address,
    )


@pytest.mark.parametrize(
    ("clicks", "of", "why"),
    [
        ([click("trap", 0, "Trap")], 0, "on Trap, a trap: no person sees this link"),
        (
            [click("trap"), click("trap", 5, "Trap")],
            0,
            "5 s before a click on the trap Trap",
        ),
        (
            [click("trap", 0, "Trap"), click("trap", 2.5)],
            1,
            "2.5 s after a click on the trap Trap",
        ),
        (
            [click("trap"), click("trap", 0, "Trap")],
            0,
            "at the same moment as a click on the trap Trap",
        ),
        (
            [click("declared", agent="python-requests/2.31.0")],
            0,
            "its user agent says that it is a program: pattern python-requests",
        ),
        (
            [click("network", address="192.0.2.77")],
            0,
            "its address lies in 192.0.2.0/24, a scanner's network",
        ),
        (
            [click("own", address="198.51.100.7/24")],
            0,
            "its address lies in 198.51.100.0/24, the applicant's own network",
        ),
        (
            [click("sweep", 0, name) for name in ("A", "B", "C")],
            1,
            "3 links at the same moment: A, B, C",
        ),
        (
            [click("sweep", at, name) for at, name in ((0, "A"), (4, "B"), (10, "C"))],
            2,
            "3 links within 10 s: A, B, C",
        ),
        (
            [click("human"), click("repeat")],
            1,
            "at the same moment as another click on the same link",
        ),
        (
            [click("human"), click("repeat", 0.3)],
            1,
            "0.3 s after another click on the same link",
        ),
        ([click("human")], 0, ""),
    ],
)
def test_a_reason(clicks: list[Click], of: int, why: str) -> None:
    assert Reasons(clicks, RULES).of(of) == why


@pytest.mark.parametrize("class_", ["trap", "sweep", "repeat"])
def test_the_reasons_of_very_many_clicks(class_: str) -> None:
    """In a moment, where a look at all of them for each one would take minutes."""
    clicks = [click("human")] + [click(class_)] * 50_000 + [click("trap", 1, "Trap")]
    reasons = Reasons(clicks, RULES)
    started = process_time()
    assert len({reasons.of(number) for number in range(1, 50_001)}) == 1
    assert process_time() - started < 5


def test_the_reasons_of_very_many_clicks_one_after_the_other() -> None:
    """Each stretch is looked at in steps, where a look at all of its clicks would take minutes."""
    clicks = [click("sweep", number / 1_000, "ABCDE"[number % 5]) for number in range(50_000)]
    reasons = Reasons(clicks, RULES)
    started = process_time()
    assert reasons.of(0) == "5 links within 10 s: A, B, C, D, E"
    assert {reasons.of(number)[:19] for number in range(40_000)} == {"5 links within 10 s"}
    assert process_time() - started < 5
