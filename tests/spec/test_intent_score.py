"""The intent score, rule by rule.

A click alone is no more than one a day and earns nothing, so that each rule can be seen alone.
"""

import pytest

from tests.spec.conftest import Specification


def test_a_click_alone_shows_no_intent(application: Specification) -> None:
    application(
        """
        created at: null

        intent_score | 0
        """
    )
    application(
        """
        created at: null

        clicked at           | link function
        Sat 2024-03-09 12:00 | LinkedIn

        intent_score | 0
        """
    )


@pytest.mark.parametrize(
    ("clicked_at", "hours", "points"),
    [
        # before the application and at its very creation: no response
        ("Mon 2024-03-04 06:00", "-3.00", 0),
        ("Mon 2024-03-04 08:59:59.999999", "0.00", 0),
        ("Mon 2024-03-04 09:00", "0.00", 0),
        ("Mon 2024-03-04 09:00:00.000001", "0.00", 50),
        # two and eight hours, whatever the rounded hours say
        ("Mon 2024-03-04 10:59:59.999999", "2.00", 50),
        ("Mon 2024-03-04 11:00", "2.00", 30),
        ("Mon 2024-03-04 11:00:00.000001", "2.00", 30),
        ("Mon 2024-03-04 16:59:59.999999", "8.00", 30),
        ("Mon 2024-03-04 17:00", "8.00", 0),
        ("Mon 2024-03-04 17:00:00.000001", "8.00", 0),
    ],
)
def test_very_quick_and_quick_response(
    application: Specification, clicked_at: str, hours: str, points: int
) -> None:
    application(
        f"""
        created at: Mon 2024-03-04 09:00

        clicked at   | link function
        {clicked_at} | Resume

        hours_to_first_click | {hours}
        intent_score         | {points}
        """
    )


@pytest.mark.parametrize(
    ("clicks", "span", "velocity", "points"),
    [
        # more than one a day is moderate, whatever the rounded velocity says
        (1, "00:00:00", "1.0000", 0),
        (2, "2 days 00:00:00.000001", "1.0000", 0),
        (2, "2 days 00:00:00", "1.0000", 0),
        (2, "1 day 23:59:59.999999", "1.0000", 15),
        # more than two is high
        (3, "1 day 12:00:00.000001", "2.0000", 15),
        (3, "1 day 12:00:00", "2.0000", 15),
        (3, "1 day 11:59:59.999999", "2.0000", 30),
        # less than a day counts as a day
        (2, "1 day 00:00:00.000001", "2.0000", 15),
        (2, "1 day 00:00:00", "2.0000", 15),
        (2, "23:59:59.999999", "2.0000", 15),
        (2, "00:00:00.001", "2.0000", 15),
        (3, "00:00:00.001", "3.0000", 30),
    ],
)
def test_high_and_moderate_velocity(
    application: Specification, clicks: int, span: str, velocity: str, points: int
) -> None:
    application(
        f"""
        created at: null

        clicked at                   | link function
        Mon 2024-03-04 09:00         | Resume        | × {clicks - 1}
        Mon 2024-03-04 09:00 + {span} | Resume

        engagement_velocity | {velocity}
        intent_score        | {points}
        """
    )


@pytest.mark.parametrize(
    ("link_function", "points"), [("Calendly", 40), ("calendly", 0), ("LinkedIn", 0)]
)
def test_calendly_clicked(application: Specification, link_function: str, points: int) -> None:
    application(
        f"""
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | {link_function}

        intent_score | {points}
        """
    )


@pytest.mark.parametrize(("clicks", "points"), [(3, 0), (4, 20), (5, 20)])
def test_repeat_visits_are_more_than_3_clicks(
    application: Specification, clicks: int, points: int
) -> None:
    """So far apart that the velocity has no say."""
    application(
        f"""
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume        | × {clicks - 1}
        Mon 2024-04-01 12:00 | LinkedIn

        intent_score | {points}
        """
    )


@pytest.mark.parametrize(
    ("last_click", "points"),
    [
        ("Mon 2024-03-04 10:01 | Resume", "50 + 15"),
        ("Mon 2024-03-04 10:01 | Resume   | × 2", "50 + 30"),
        ("Mon 2024-03-04 10:01 | Resume   | × 3", "50 + 30 + 20"),
        # 50 + 15 + 40 would be 105, and all of them 140
        ("Mon 2024-03-04 10:01 | Calendly", "100"),
        ("Mon 2024-03-04 10:01 | Calendly | × 3", "100"),
    ],
)
def test_the_score_is_the_sum_of_the_points_capped_at_100(
    application: Specification, last_click: str, points: str
) -> None:
    application(
        f"""
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Mon 2024-03-04 10:00 | Resume
        {last_click}

        intent_score | {points}
        """
    )
