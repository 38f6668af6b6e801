"""Timing: how soon the first click came, and how long the clicks went on."""

import pytest

from tests.spec.conftest import Specification


def test_time_to_first_click(application: Specification) -> None:
    """From the application's creation to its first click, exact to the microsecond."""
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at                  | link function
        Fri 2024-03-08 10:00        | Resume
        Thu 2024-03-07 13:05:06.789 | LinkedIn

        time_to_first_click  | 3 days 04:05:06.789
        hours_to_first_click | 76.09
        """
    )


def test_a_click_before_the_application_was_created_gives_a_negative_time(
    application: Specification,
) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at                     | link function
        Sun 2024-03-03 08:59:59.999999 | Resume
        Mon 2024-03-04 12:00           | Resume

        time_to_first_click  | -1 day 00:00:00.000001
        hours_to_first_click | -24.00
        """
    )


def test_there_is_no_time_to_first_click_without_a_created_at(application: Specification) -> None:
    application(
        """
        created at: null

        clicked at           | link function
        Mon 2024-03-04 12:00 | Resume
        Mon 2024-03-04 15:00 | Resume

        time_to_first_click            | null
        hours_to_first_click           | null
        time_between_first_last_click  | 03:00:00
        hours_between_first_last_click | 3.00
        total_click_events             | 2
        """
    )


def test_there_are_no_times_without_clicks(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        time_to_first_click            | null
        hours_to_first_click           | null
        time_between_first_last_click  | null
        hours_between_first_last_click | null
        """
    )


def test_time_between_first_and_last_click(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at                     | link function
        Wed 2024-03-06 07:30:00.000001 | LinkedIn
        Mon 2024-03-04 10:00           | Resume
        Tue 2024-03-05 23:00           | LinkedIn

        time_between_first_last_click  | 1 day 21:30:00.000001
        hours_between_first_last_click | 45.50
        """
    )


def test_one_click_is_first_and_last(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Wed 2024-03-06 07:30 | LinkedIn

        time_between_first_last_click  | 00:00:00
        hours_between_first_last_click | 0.00
        """
    )


HALF_UP = [
    # seconds  →  hours, 2 decimals: half a hundredth (18 s) goes away from zero
    ("00:00:17.999999", "0.00"),
    ("00:00:18.000000", "0.01"),
    ("00:00:18.000001", "0.01"),
    ("00:00:53.999999", "0.01"),
    ("00:00:54.000000", "0.02"),
    ("02:00:17.999999", "2.00"),
    ("02:00:18.000000", "2.01"),
    ("47481 days 23:59:41.999999", "1139567.99"),
    ("47481 days 23:59:42", "1139568.00"),
]


@pytest.mark.parametrize(("span", "hours"), HALF_UP)
def test_hours_are_rounded_half_away_from_zero(
    application: Specification, span: str, hours: str
) -> None:
    """Both spans: to the first click, and from there to the last."""
    earlier, later = "Thu 1970-01-01 00:00", f"Thu 1970-01-01 00:00 + {span}"
    application(
        f"""
        created at: {earlier}

        clicked at | link function
        {later}    | Resume

        time_to_first_click  | {span}
        hours_to_first_click | {hours}
        """
    )
    application(
        f"""
        created at: {later}

        clicked at | link function
        {earlier}  | Resume
        {later}    | Resume

        time_to_first_click            | -{span}
        hours_to_first_click           | -{hours}
        time_between_first_last_click  | {span}
        hours_between_first_last_click | {hours}
        """
    )


def test_the_longest_time_there_is(application: Specification) -> None:
    application(
        """
        created at: Thu 1970-01-01 00:00

        clicked at                     | link function
        Thu 2099-12-31 23:59:59.999999 | Resume

        time_to_first_click  | 47481 days 23:59:59.999999
        hours_to_first_click | 1139568.00
        """
    )
