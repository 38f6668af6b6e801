"""A million clicks a day and more: the velocity stops at what the column holds."""

from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from pipeline.scoring.metrics import engagement_velocity

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("clicks", "span", "velocity"),
    [
        (999_999, DAY, "999999.0000"),
        (1_000_000, DAY + timedelta(microseconds=100), "999999.9988"),
        (1_000_000, DAY + timedelta(microseconds=5), "999999.9999"),  # 999999.99994…
        (1_000_000, DAY + timedelta(microseconds=4), "999999.9999"),  # 999999.99995…
        (1_000_000, DAY, "999999.9999"),
        (2**31 - 1, timedelta(), "999999.9999"),
        (2**31 - 1, timedelta(days=47_482), "45227.3208"),
    ],
)
def test_the_highest_velocity(clicks: int, span: timedelta, velocity: str) -> None:
    per_application = pl.DataFrame(
        {"total_click_events": [clicks], "time_between_first_last_click": [span]}
    )
    found = per_application.select(engagement_velocity()).item()
    assert found == Decimal(velocity)
