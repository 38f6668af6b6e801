"""Which clicks count, and for which application; whose job is it."""

import pytest

from tests.spec.conftest import Specification


def test_a_click_belongs_to_the_application_of_its_link(applications: Specification) -> None:
    """B has no click, and still its row. Links and clicks that lead nowhere count for nobody."""
    applications(
        """
        jobs: J, K

        application | job | created at
        A           | J   | 2024-03-04 09:00
        B           | J   | 2024-03-04 09:00
        C           | K   | 2024-03-04 09:00

        link | application | link function
        a1   | A           | LinkedIn
        a2   | A           | Resume
        b1   | B           | Resume
        c1   | C           | LinkedIn
        d1   | deleted     | Calendly
        e1   | null        | Calendly

        link    | clicked at
        a2      | 2024-03-04 10:00
        c1      | 2024-03-04 10:01
        a1      | 2024-03-04 10:02
        d1      | 2024-03-04 10:03
        e1      | 2024-03-04 10:03
        a2      | 2024-03-04 10:03
        A1      | 2024-03-04 10:04
        unknown | 2024-03-04 10:04
        null    | 2024-03-04 10:04

        application | job_id | total_click_events | click_sequence
        A           | J      | 3                  | {Resume, LinkedIn, Resume}
        B           | J      | 0                  | {}
        C           | K      | 1                  | {LinkedIn}
        """
    )


def test_the_job_is_null_when_there_is_no_such_job(applications: Specification) -> None:
    """Never the application: that has its row."""
    applications(
        """
        jobs: J

        application | job     | created at
        A           | J       | 2024-03-04 09:00
        B           | deleted | 2024-03-04 09:00
        C           | null    | 2024-03-04 09:00

        link | application | link function
        b    | B           | LinkedIn

        link | clicked at
        b    | 2024-03-04 10:00

        application | job_id | total_click_events
        A           | J      | 0
        B           | null   | 1
        C           | null   | 0
        """
    )


@pytest.mark.parametrize(
    ("instant", "clicks"),
    [
        ("null", 1),
        ("-infinity", 1),
        ("infinity", 1),
        ("0044-03-15 00:00:00 BC", 1),
        ("1969-12-31 23:59:59.999999", 1),
        ("1970-01-01 00:00", 2),
        ("2099-12-31 23:59:59.999999", 2),
        ("2100-01-01 00:00", 1),
        ("294276-12-31 23:59:59.999999", 1),
    ],
)
def test_only_clicks_of_the_years_1970_to_2099_are_usable(
    applications: Specification, instant: str, clicks: int
) -> None:
    applications(
        f"""
        jobs: J

        application | job | created at
        A           | J   | 2024-03-04 09:00

        link | application | link function
        a    | A           | LinkedIn

        link | clicked at
        a    | 2024-03-04 10:00
        a    | {instant}

        application | total_click_events
        A           | {clicks}
        """
    )


@pytest.mark.parametrize(
    ("created_at", "time_to_first_click"),
    [
        ("null", "null"),
        ("-infinity", "null"),
        ("infinity", "null"),
        ("0044-03-15 00:00:00 BC", "null"),
        ("1969-12-31 23:59:59.999999", "null"),
        ("1970-01-01 00:00", "1 day 00:00:00"),
        ("2099-12-31 23:59:59.999999", "-47480 days 23:59:59.999999"),
        ("2100-01-01 00:00", "null"),
        ("294276-12-31 23:59:59.999999", "null"),
    ],
)
def test_a_created_at_outside_these_years_counts_as_null(
    applications: Specification, created_at: str, time_to_first_click: str
) -> None:
    applications(
        f"""
        jobs: J

        application | job | created at
        A           | J   | {created_at}

        link | application | link function
        a    | A           | LinkedIn

        link | clicked at
        a    | 1970-01-02 00:00

        application | time_to_first_click   | total_click_events
        A           | {time_to_first_click} | 1
        """
    )
