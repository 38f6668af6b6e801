from datetime import timedelta

import pytest

from cli.wording import ago


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=59), "0 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=47, minutes=59), "47 h ago"),
        (timedelta(hours=48), "2 d ago"),
        # clocks differ by seconds
        (timedelta(seconds=-59), "0 min ago"),
        (timedelta(minutes=-1), "in 1 min"),
        (timedelta(hours=-47, minutes=-59), "in 47 h"),
        (timedelta(days=-3), "in 3 d"),
    ],
)
def test_a_time_span_is_said_from_now(passed: timedelta, said: str) -> None:
    assert ago(passed) == said
