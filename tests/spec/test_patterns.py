"""Patterns: at which hours, on which days and how densely the clicks came."""

import pytest

from tests.spec.conftest import Specification


def test_the_peak_hour_is_the_hour_with_most_clicks(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at                     | link function
        Mon 2024-03-04 10:30           | Resume
        Mon 2024-03-04 14:00           | Resume
        Tue 2024-03-05 14:59:59.999999 | Resume
        Wed 2024-03-06 15:00           | Resume

        peak_click_hour | 14
        """
    )


def test_of_several_peak_hours_the_earliest_counts(application: Specification) -> None:
    """The earliest of the day, not the one that was clicked first."""
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Mon 2024-03-04 23:10 | Resume
        Mon 2024-03-04 23:20 | Resume
        Tue 2024-03-05 09:10 | Resume
        Tue 2024-03-05 09:20 | Resume
        Wed 2024-03-06 00:10 | Resume

        peak_click_hour | 9
        """
    )


@pytest.mark.parametrize(
    ("clicked_at", "number"),
    [
        ("Sat 2024-03-09 23:59:59.999999", 6),
        ("Sun 2024-03-10 00:00", 0),
        ("Mon 2024-03-11 00:00", 1),
        ("Tue 2024-03-12 00:00", 2),
        ("Wed 2024-03-13 00:00", 3),
        ("Thu 2024-03-14 00:00", 4),
        ("Fri 2024-03-15 00:00", 5),
        ("Sat 2024-03-16 00:00", 6),
    ],
)
def test_the_days_of_the_week_are_numbered_from_sunday(
    application: Specification, clicked_at: str, number: int
) -> None:
    application(
        f"""
        created at: null

        clicked at   | link function
        {clicked_at} | Resume

        click_days_of_week | {{{number}}}
        """
    )


def test_each_day_with_a_click_is_named_once_in_ascending_order(
    application: Specification,
) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Sat 2024-03-09 10:00 | Resume
        Mon 2024-03-11 10:00 | Resume
        Sun 2024-03-10 10:00 | Resume
        Wed 2024-03-13 10:00 | Resume
        Sat 2024-03-16 10:00 | Resume

        click_days_of_week | {0, 1, 3, 6}
        """
    )


def test_without_clicks_there_is_no_peak_hour_and_no_day(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        peak_click_hour     | null
        click_days_of_week  | {}
        engagement_velocity | 0
        """
    )


@pytest.mark.parametrize(
    ("timezone", "clicked_at", "hour", "day"),
    [
        # half an hour beside the others: the day turns at half past six in the evening of UTC
        ("Asia/Kolkata", "Fri 2024-03-08 18:29:59.999999", 23, 5),
        ("Asia/Kolkata", "Fri 2024-03-08 18:30", 0, 6),
        ("Asia/Kathmandu", "Fri 2024-03-08 18:14:59.999999", 23, 5),
        ("Asia/Kathmandu", "Fri 2024-03-08 18:15", 0, 6),
        # behind UTC: Sunday morning is Saturday evening
        ("America/New_York", "Sun 2024-03-03 04:59:59.999999", 23, 6),
        ("America/New_York", "Sun 2024-03-03 05:00", 0, 0),
        # summer time begins: the hour from two to three is skipped
        ("America/New_York", "Sun 2024-03-10 06:59:59.999999", 1, 0),
        ("America/New_York", "Sun 2024-03-10 07:00", 3, 0),
        # summer time ends: the hour from one to two comes twice
        ("America/New_York", "Sun 2024-11-03 05:00", 1, 0),
        ("America/New_York", "Sun 2024-11-03 06:59:59.999999", 1, 0),
        ("America/New_York", "Sun 2024-11-03 07:00", 2, 0),
        # a summer time of half an hour
        ("Australia/Lord_Howe", "Sat 2024-10-05 15:29:59.999999", 1, 0),
        ("Australia/Lord_Howe", "Sat 2024-10-05 15:30", 2, 0),
        # Samoa skipped Friday, 30 December 2011
        ("Pacific/Apia", "Fri 2011-12-30 09:59:59.999999", 23, 4),
        ("Pacific/Apia", "Fri 2011-12-30 10:00", 0, 6),
    ],
)
def test_hours_and_days_are_taken_in_the_reporting_time_zone(
    application: Specification, timezone: str, clicked_at: str, hour: int, day: int
) -> None:
    application(
        f"""
        created at: null
        time zone: {timezone}

        clicked at   | link function
        {clicked_at} | Resume

        peak_click_hour    | {hour}
        click_days_of_week | {{{day}}}
        """
    )


def test_both_hours_of_the_same_name_count_as_one(application: Specification) -> None:
    """When summer time ends, one o'clock comes twice; its clicks add up."""
    application(
        """
        created at: null
        time zone: America/New_York

        clicked at           | link function
        Sun 2024-11-03 05:30 | Resume
        Sun 2024-11-03 06:30 | Resume
        Mon 2024-11-04 05:30 | Resume

        peak_click_hour | 1
        """
    )


def test_spans_do_not_depend_on_the_time_zone(application: Specification) -> None:
    """Over the night in which New York's clocks go forward, an hour is still an hour."""
    application(
        """
        created at: Sun 2024-03-10 06:30
        time zone: America/New_York

        clicked at           | link function
        Sun 2024-03-10 07:30 | Resume
        Sun 2024-03-10 08:30 | Resume

        time_to_first_click           | 01:00:00
        time_between_first_last_click | 01:00:00
        """
    )


def test_velocity_is_clicks_per_day(application: Specification) -> None:
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 09:00 | Resume
        Tue 2024-03-05 09:00 | LinkedIn
        Thu 2024-03-07 09:00 | Resume
        Sat 2024-03-09 21:00 | Resume

        engagement_velocity | 0.7273
        """
    )


@pytest.mark.parametrize(
    ("clicks", "span", "velocity"),
    [
        # less than a day counts as a day
        (1, "00:00:00", "1.0000"),
        (2, "00:00:00.001", "2.0000"),
        (5, "23:59:59.999999", "5.0000"),
        (5, "1 day 00:00:00", "5.0000"),
        (5, "1 day 00:00:00.864", "5.0000"),
        (5, "1 day 00:00:00.864009", "4.9999"),
        (5, "2 days 00:00:00", "2.5000"),
        # half of the last decimal goes up: 2 clicks in 204,800 s are 0.84375 a day
        (2, "2 days 08:53:19.999999", "0.8438"),
        (2, "2 days 08:53:20", "0.8438"),
        (2, "2 days 08:53:20.000001", "0.8437"),
        # 6 clicks in 1,024,000 s are 0.50625 a day
        (6, "11 days 20:26:39.999999", "0.5063"),
        (6, "11 days 20:26:40", "0.5063"),
        (6, "11 days 20:26:40.000001", "0.5062"),
        # ever fewer
        (2, "40000 days 00:00:00", "0.0001"),
        (2, "40000 days 00:00:00.000001", "0.0000"),
    ],
)
def test_velocity_counts_at_least_one_day_and_is_rounded_half_up(
    application: Specification, clicks: int, span: str, velocity: str
) -> None:
    first, last = "Thu 1970-01-01 00:00", f"Thu 1970-01-01 00:00 + {span}"
    application(
        f"""
        created at: null

        clicked at | link function
        {first}    | Resume        | × {clicks - 1}
        {last}     | Resume

        engagement_velocity | {velocity}
        """
    )


@pytest.mark.slow
def test_a_hundred_thousand_clicks_on_one_application(application: Specification) -> None:
    """Nothing overflows on the way to the ten-thousandth of a click a day."""
    application(
        """
        created at: Mon 2024-03-04 08:59:42

        clicked at           | link function
        Mon 2024-03-04 09:00 | LinkedIn      | × 99999
        Thu 2024-03-07 09:00 | Resume

        total_click_events       | 100000
        unique_functions_clicked | 2
        hours_to_first_click     | 0.01
        peak_click_hour          | 9
        engagement_velocity      | 33333.3333
        engagement_score         | 10 + 25 + 15 + 30 + 10
        intent_score             | 50 + 30 + 20
        """
    )
