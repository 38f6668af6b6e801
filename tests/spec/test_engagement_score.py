"""The engagement score, rule by rule.

Every click earns 10 points for any engagement. Where nothing else is said, it comes on a Monday,
for an application without a created_at, so that no other rule has a say.
"""

import pytest

from tests.spec.conftest import Specification


def test_any_engagement(application: Specification) -> None:
    application(
        """
        created at: null

        engagement_score | 0
        """
    )
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume

        engagement_score | 10
        """
    )


@pytest.mark.parametrize(
    ("link_function", "points"),
    [
        ("LinkedIn", "10 + 25"),
        ("Calendly", "10 + 40"),
        # only these very names
        ("linkedin", "10"),
        ("LinkedIn2", "10"),
        ("CALENDLY", "10"),
        ("Resume", "10"),
    ],
)
def test_linkedin_viewed_and_calendly_clicked(
    application: Specification, link_function: str, points: str
) -> None:
    application(
        f"""
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | {link_function}

        engagement_score | {points}
        """
    )


def test_linkedin_and_calendly_count_once_and_at_any_place(application: Specification) -> None:
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | LinkedIn
        Mon 2024-03-04 12:01 | LinkedIn

        engagement_score | 10 + 25 + 5
        """
    )
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume
        Mon 2024-03-04 12:01 | Calendly
        Mon 2024-03-04 12:02 | Resume

        engagement_score | 10 + 40 + 5 + 10
        """
    )


@pytest.mark.parametrize(
    ("clicks", "points"),
    [(1, "10"), (2, "10 + 5"), (3, "10 + 10"), (4, "10 + 15"), (5, "10 + 15"), (50, "10 + 15")],
)
def test_repeat_clicks_earn_5_points_each_for_at_most_3(
    application: Specification, clicks: int, points: str
) -> None:
    application(
        f"""
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume        | × {clicks}

        engagement_score | {points}
        """
    )


def test_repeats_are_counted_over_all_functions(application: Specification) -> None:
    """Two repeats here, one there; the 10 points are for the second function."""
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume        | × 3
        Mon 2024-03-04 12:01 | Portfolio     | × 2

        engagement_score | 10 + 15 + 10
        """
    )


@pytest.mark.parametrize(
    ("clicked_at", "hours", "points"),
    [
        # before the application and at its very creation: no response
        ("Mon 2024-03-04 06:00", "-3.00", "10"),
        ("Mon 2024-03-04 08:59:59.999999", "0.00", "10"),
        ("Mon 2024-03-04 09:00", "0.00", "10"),
        ("Mon 2024-03-04 09:00:00.000001", "0.00", "10 + 30"),
        # four hours, whatever the rounded hours say
        ("Mon 2024-03-04 12:59:59.999999", "4.00", "10 + 30"),
        ("Mon 2024-03-04 13:00", "4.00", "10"),
        ("Mon 2024-03-04 13:00:00.000001", "4.00", "10"),
    ],
)
def test_quick_response_is_after_the_application_and_within_4_hours(
    application: Specification, clicked_at: str, hours: str, points: str
) -> None:
    application(
        f"""
        created at: Mon 2024-03-04 09:00

        clicked at   | link function
        {clicked_at} | Resume

        hours_to_first_click | {hours}
        engagement_score     | {points}
        """
    )


def test_only_the_first_click_decides_about_a_quick_response(application: Specification) -> None:
    """A click before the application is the first, and later ones don't make up for it."""
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Mon 2024-03-04 08:00 | Resume
        Mon 2024-03-04 10:00 | Resume

        engagement_score | 10 + 5
        """
    )


@pytest.mark.parametrize(
    ("clicked_at", "points"),
    [
        ("Fri 2024-03-08 23:59:59.999999", "10"),
        ("Sat 2024-03-09 00:00", "10 + 20"),
        ("Sat 2024-03-09 23:59:59.999999", "10 + 20"),
        ("Sun 2024-03-10 00:00", "10 + 20"),
        ("Sun 2024-03-10 23:59:59.999999", "10 + 20"),
        ("Mon 2024-03-11 00:00", "10"),
    ],
)
def test_weekend_click(application: Specification, clicked_at: str, points: str) -> None:
    application(
        f"""
        created at: null

        clicked at   | link function
        {clicked_at} | Resume

        engagement_score | {points}
        """
    )


@pytest.mark.parametrize(("timezone", "points"), [("America/New_York", "10"), ("UTC", "10 + 20")])
def test_a_weekend_is_one_in_the_reporting_time_zone(
    application: Specification, timezone: str, points: str
) -> None:
    application(
        f"""
        created at: null
        time zone: {timezone}

        clicked at           | link function
        Sat 2024-03-09 04:59 | Resume

        engagement_score | {points}
        """
    )


def test_a_weekend_counts_once(application: Specification) -> None:
    """The 5 points are for the repeat."""
    application(
        """
        created at: null

        clicked at           | link function
        Sat 2024-03-09 12:00 | Resume
        Sun 2024-03-10 12:00 | Resume

        engagement_score | 10 + 20 + 5
        """
    )


@pytest.mark.parametrize(
    ("functions", "points"),
    [
        (["Resume"], "10"),
        (["Resume", "GitHub"], "10 + 10"),
        (["Resume", "GitHub", "Portfolio"], "10 + 20"),
        ([f"Function_{number}" for number in range(9)], "10 + 80"),
        ([f"Function_{number}" for number in range(10)], "10 + 90"),
        ([f"Function_{number}" for number in range(11)], "100"),
    ],
)
def test_several_link_types_earn_10_points_each_beyond_the_first(
    application: Specification, functions: list[str], points: str
) -> None:
    clicks = "\n".join(f"        Mon 2024-03-04 12:00 | {name}" for name in functions)
    application(
        f"""
        created at: null

        clicked at           | link function
{clicks}

        engagement_score | {points}
        """
    )


@pytest.mark.parametrize(
    ("last_click", "points"),
    [
        ("Mon 2024-03-04 12:02 | Resume", "10 + 40 + 25 + 10 + 10"),
        ("Mon 2024-03-04 12:02 | Resume   | × 2", "10 + 40 + 25 + 10 + 10 + 5"),
        ("Mon 2024-03-04 12:02 | LinkedIn | × 3", "10 + 40 + 25 + 10 + 15"),
        # 10 + 40 + 25 + 10 + 10 + 10 would be 105
        ("Mon 2024-03-04 12:02 | Resume   | × 3", "100"),
        ("Sat 2024-03-09 12:02 | Resume   | × 9", "100"),
    ],
)
def test_the_score_is_the_sum_of_the_points_capped_at_100(
    application: Specification, last_click: str, points: str
) -> None:
    application(
        f"""
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Calendly
        Mon 2024-03-04 12:01 | LinkedIn
        {last_click}

        engagement_score | {points}
        """
    )


def test_the_rules_add_up(application: Specification) -> None:
    application(
        """
        created at: Sat 2024-03-09 09:00

        clicked at           | link function
        Sat 2024-03-09 10:00 | LinkedIn
        Sat 2024-03-09 10:01 | LinkedIn

        engagement_score | 10 + 25 + 5 + 30 + 20
        """
    )
