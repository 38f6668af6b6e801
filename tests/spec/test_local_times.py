"""Times without a zone, in tables that are not written in UTC; and the zone of hours and days."""

import pytest

from tests.spec.conftest import Specification


def test_clicks_in_local_time(origins: Specification) -> None:
    """Sixteen milliseconds after the application, by a server in Edmonton, seven hours behind.
    Taken for UTC, the click comes seven hours early and is no response."""
    drawing = """
        created at: Thu 2026-01-15 18:30
        clicks in: {zone}

        clicked at                 | link
        Thu 2026-01-15 11:30:00.016 | Resume

        reading              | all
        time_to_first_click  | {time}
        hours_to_first_click | {hours}
        intent_score         | {intent}

        first_human_click | {instant}
        """
    origins(
        drawing.format(
            zone="America/Edmonton",
            time="00:00:00.016",
            hours="0.00",
            intent=50,
            instant="Thu 2026-01-15 18:30:00.016",
        )
    )
    origins(
        drawing.format(
            zone="UTC",
            time="-06:59:59.984",
            hours="-7.00",
            intent=0,
            instant="Thu 2026-01-15 11:30:00.016",
        )
    )


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-01-15", "UTC", "1.17"),
        ("2026-01-15", "Europe/Berlin", "0.17"),
        ("2026-07-15", "UTC", "2.17"),
        ("2026-07-15", "Europe/Berlin", "0.17"),
    ],
)
def test_east_of_utc_a_response_seems_late(
    origins: Specification, day: str, zone: str, hours: str
) -> None:
    """Ten minutes after the application: one hour more in winter, two in summer."""
    later = {"2026-01-15": "10:10", "2026-07-15": "11:10"}[day]
    origins(
        f"""
        created at: {day} 09:00
        clicks in: {zone}

        clicked at    | link
        {day} {later} | Resume

        reading              | all
        hours_to_first_click | {hours}
        """
    )


TURNS = [
    # zone, time on the wall, the same in UTC
    ("America/New_York", "2024-03-10 01:59:59.999999", "2024-03-10 06:59:59.999999"),
    ("America/New_York", "2024-03-10 02:00", "2024-03-10 07:00"),  # does not exist: as before
    ("America/New_York", "2024-03-10 02:59:59.999999", "2024-03-10 07:59:59.999999"),
    ("America/New_York", "2024-03-10 03:00", "2024-03-10 07:00"),
    ("America/New_York", "2024-11-03 00:59:59.999999", "2024-11-03 04:59:59.999999"),
    ("America/New_York", "2024-11-03 01:00", "2024-11-03 06:00"),  # twice: the later
    ("America/New_York", "2024-11-03 01:59:59.999999", "2024-11-03 06:59:59.999999"),
    ("America/New_York", "2024-11-03 02:00", "2024-11-03 07:00"),
    ("Europe/Dublin", "2024-03-31 01:30", "2024-03-31 01:30"),
    ("Europe/Dublin", "2024-10-27 01:30", "2024-10-27 01:30"),
    ("Australia/Lord_Howe", "2024-10-06 02:15", "2024-10-05 15:45"),  # by half an hour
    ("Australia/Lord_Howe", "2024-04-07 01:45", "2024-04-06 15:15"),
]


@pytest.mark.parametrize(("zone", "wall", "instant"), TURNS)
def test_an_hour_that_comes_twice_or_never(
    origins: Specification, zone: str, wall: str, instant: str
) -> None:
    """Of the click, and of the application, whose local time then is the later by so much."""
    origins(
        f"""
        created at: {instant}
        clicks in: {zone}

        clicked at | link
        {wall}     | Resume

        reading             | all
        time_to_first_click | 00:00:00

        last_human_click | {instant}
        """
    )
    origins(
        f"""
        created at: {wall}
        applications in: {zone}

        clicked at                      | link
        {instant} + 00:00:01            | Resume

        reading             | all
        time_to_first_click | 00:00:01
        """
    )


@pytest.mark.parametrize(
    ("zone", "time", "clicks"),
    [
        ("America/New_York", "1969-12-31 18:59:59.999999", 1),
        ("America/New_York", "1969-12-31 19:00", 2),
        ("America/New_York", "2099-12-31 18:59:59.999999", 2),
        ("America/New_York", "2099-12-31 19:00", 1),
        ("Asia/Kolkata", "1970-01-01 05:29:59.999999", 1),
        ("Asia/Kolkata", "1970-01-01 05:30", 2),
        ("Asia/Kolkata", "2100-01-01 05:29:59.999999", 2),
        ("Asia/Kolkata", "2100-01-01 05:30", 1),
        ("Asia/Kolkata", "-infinity", 1),
        ("Asia/Kolkata", "infinity", 1),
        ("Asia/Kolkata", "null", 1),
        ("Pacific/Kiritimati", "294276-12-31 23:59:59.999999", 1),
        ("America/New_York", "294276-12-31 23:59:59.999999", 1),
        ("Asia/Kolkata", "4713-01-01 00:00 BC", 1),
    ],
)
def test_the_usable_years_are_those_of_utc(
    origins: Specification, zone: str, time: str, clicks: int
) -> None:
    origins(
        f"""
        created at: 2026-03-03 10:00
        clicks in: {zone}

        clicked at       | link
        2026-03-03 12:00 | Resume
        {time}           | Resume

        reading            | all
        total_click_events | {clicks}
        """
    )


def test_windows_are_of_instants(origins: Specification) -> None:
    """By the clock on the wall these clicks are an hour apart; the hour between does not exist."""
    origins(
        """
        created at: 2024-03-10 06:00
        clicks in: America/New_York

        clicked at              | link   | class
        Sun 2024-03-10 01:59:55 | Resume | human
        Sun 2024-03-10 03:00:05 | Resume | repeat
        """
    )


def test_hours_and_days_are_those_of_the_reporting_zone(origins: Specification) -> None:
    """Early on Saturday in UTC it is Friday evening in Los Angeles, wherever clicks are written."""
    drawing = """
        created at: Thu 2026-10-29 09:00
        time zone: {reporting}
        clicks in: {clicks}

        clicked at | link
        {at}       | Resume

        reading            | all
        peak_click_hour    | {hour}
        click_days_of_week | {days}
        engagement_score   | {engagement}
        """
    for clicks, at in [
        ("UTC", "Sat 2026-10-31 01:30"),
        ("Europe/Berlin", "Sat 2026-10-31 02:30"),
        ("America/Los_Angeles", "Fri 2026-10-30 18:30"),
    ]:
        friday = drawing.format(
            reporting="America/Los_Angeles",
            clicks=clicks,
            at=at,
            hour=18,
            days="{5}",
            engagement="10",
        )
        saturday = drawing.format(
            reporting="UTC", clicks=clicks, at=at, hour=1, days="{6}", engagement="10 + 20"
        )
        origins(friday)
        origins(saturday)
