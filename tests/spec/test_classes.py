"""Each class of clicks at its edges, and which one wins where several fit."""

import pytest

from tests.spec.conftest import Specification

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.mark.parametrize(
    ("later", "its_class"),
    [("00:00:09.999999", "sweep"), ("00:00:10", "sweep"), ("00:00:10.000001", "human")],
)
def test_a_sweep_lasts_ten_seconds_at_most(
    origins: Specification, later: str, its_class: str
) -> None:
    """Both ends included. Without its last click a stretch holds two links only, so that none is
    swept."""
    origins(
        f"""
        created at: 2026-03-03 10:00

        clicked at                 | link      | class
        2026-03-03 12:00           | LinkedIn  | {its_class}
        2026-03-03 12:00           | Resume    | {its_class}
        2026-03-03 12:00 + {later} | Portfolio | {its_class}
        """
    )


@pytest.mark.parametrize(
    ("sweep", "its_class"),
    [
        ("0 links in 10 s", "human"),  # off
        ("2 links in 10 s", "sweep"),
        ("3 links in 10 s", "sweep"),
        ("4 links in 10 s", "human"),
        ("3 links in 4 s", "sweep"),
        ("3 links in 3 s", "human"),
        ("3 links in 0 s", "human"),
    ],
)
def test_how_many_links_in_how_many_seconds_is_defined(
    origins: Specification, sweep: str, its_class: str
) -> None:
    origins(
        f"""
        created at: 2026-03-03 10:00
        sweep: {sweep}

        clicked at          | link      | class
        2026-03-03 12:00:00 | LinkedIn  | {its_class}
        2026-03-03 12:00:02 | Resume    | {its_class}
        2026-03-03 12:00:04 | Portfolio | {its_class}
        """
    )


def test_a_sweep_of_no_seconds_is_of_one_instant(origins: Specification) -> None:
    origins(
        """
        created at: 2026-03-03 10:00
        sweep: 2 links in 0 s

        clicked at                 | link      | class
        2026-03-03 12:00           | LinkedIn  | sweep
        2026-03-03 12:00           | Resume    | sweep
        2026-03-03 12:00:00.000001 | Portfolio | human
        """
    )


def test_one_link_many_times_is_no_sweep(origins: Specification) -> None:
    """Two links, however often."""
    origins(
        """
        created at: 2026-03-03 10:00

        clicked at          | link     | class
        2026-03-03 12:00:00 | LinkedIn | human
        2026-03-03 12:00:01 | Resume   | human
        2026-03-03 12:00:02 | LinkedIn | repeat | × 5
        2026-03-03 12:00:03 | Resume   | repeat | × 5
        """
    )


def test_every_click_in_the_stretch_is_swept(origins: Specification) -> None:
    """Also the second one on a link, in the middle and at the end; what lies outside every stretch
    of three links is not."""
    origins(
        """
        created at: 2026-03-03 10:00

        clicked at                 | link      | class
        2026-03-03 11:59:59.999999 | LinkedIn  | human
        2026-03-03 12:00:00        | LinkedIn  | sweep
        2026-03-03 12:00:05        | Resume    | sweep
        2026-03-03 12:00:06        | LinkedIn  | sweep
        2026-03-03 12:00:10        | Portfolio | sweep
        2026-03-03 12:00:15        | Portfolio | sweep
        2026-03-03 12:00:15.000001 | Portfolio | human
        """
    )


def test_stretches_overlap(origins: Specification) -> None:
    """The first three links lie in one stretch, the last three in another."""
    origins(
        """
        created at: 2026-03-03 10:00

        clicked at          | link      | class
        2026-03-03 12:00:00 | LinkedIn  | sweep
        2026-03-03 12:00:05 | Calendly  | sweep
        2026-03-03 12:00:10 | Portfolio | sweep
        2026-03-03 12:00:15 | Resume    | sweep
        2026-03-03 12:00:26 | GitHub    | human
        """
    )


def test_a_stretch_holds_clicks_of_every_class(origins: Specification) -> None:
    """The scanner's clicks count towards the sweep, although each has its own class already."""
    origins(
        """
        created at: 2026-03-03 10:00
        machine networks: 192.0.2.0/24
        own networks: 198.51.100.0/24

        clicked at       | link      | address      | class
        2026-03-03 12:00 | LinkedIn  | 192.0.2.1    | network
        2026-03-03 12:00 | Resume    | 198.51.100.1 | own
        2026-03-03 12:00 | Portfolio | 203.0.113.1  | sweep
        """
    )


@pytest.mark.parametrize(
    ("later", "its_class"),
    [
        ("00:00:00", "repeat"),
        ("00:00:14.999999", "repeat"),
        ("00:00:15", "repeat"),
        ("00:00:15.000001", "human"),
    ],
)
def test_a_repeat_comes_within_fifteen_seconds(
    origins: Specification, later: str, its_class: str
) -> None:
    origins(
        f"""
        created at: 2026-03-03 10:00

        clicked at                 | link   | class
        2026-03-03 12:00           | Resume | human
        2026-03-03 12:00 + {later} | Resume | {its_class}
        """
    )


@pytest.mark.parametrize(
    ("repeat", "its_class"), [("0 s", "human"), ("1 s", "human"), ("2 s", "repeat")]
)
def test_how_soon_a_repeat_comes_is_defined(
    origins: Specification, repeat: str, its_class: str
) -> None:
    """At one instant there is one click of a link, whatever is defined."""
    origins(
        f"""
        created at: 2026-03-03 10:00
        repeat: {repeat}

        clicked at          | link   | class
        2026-03-03 12:00:00 | Resume | human
        2026-03-03 12:00:00 | Resume | repeat
        2026-03-03 12:00:02 | Resume | {its_class}
        """
    )


def test_a_repeat_is_of_the_same_link(origins: Specification) -> None:
    """Not of the same function: two files of the portfolio are two things to look at."""
    origins(
        """
        created at: 2026-03-03 10:00

        clicked at          | link        | class
        2026-03-03 12:00:00 | Portfolio#1 | human
        2026-03-03 12:00:05 | Portfolio#2 | human
        2026-03-03 12:00:10 | Portfolio#1 | repeat
        """
    )


def test_nothing_repeats_a_click_that_has_another_class(origins: Specification) -> None:
    """A person who opens a link right after the scanner did is a person. And a scanner between two
    clicks does not part them."""
    origins(
        """
        created at: 2026-03-03 10:00
        machine networks: 192.0.2.0/24

        clicked at          | link   | address     | class
        2026-03-03 12:00:00 | Resume | 192.0.2.1   | network
        2026-03-03 12:00:00 | Resume | 203.0.113.1 | human
        2026-03-03 12:00:06 | Resume | 192.0.2.1   | network
        2026-03-03 12:00:12 | Resume | 203.0.113.1 | repeat
        2026-03-03 12:00:20 | Resume | 192.0.2.1   | network
        2026-03-03 12:00:28 | Resume | 203.0.113.1 | human
        """
    )


def test_a_repeat_of_a_sweep_is_none(origins: Specification) -> None:
    origins(
        """
        created at: 2026-03-03 10:00

        clicked at          | link      | class
        2026-03-03 12:00:00 | LinkedIn  | sweep
        2026-03-03 12:00:00 | Resume    | sweep
        2026-03-03 12:00:00 | Portfolio | sweep
        2026-03-03 12:00:11 | Resume    | human
        """
    )


@pytest.mark.parametrize(
    ("before_or_after", "its_class"),
    [
        ("11:59:49.999999", "human"),
        ("11:59:50", "trap"),
        ("12:00:00", "trap"),
        ("12:00:10", "trap"),
        ("12:00:10.000001", "human"),
    ],
)
def test_what_came_near_a_trap_is_trapped(
    origins: Specification, before_or_after: str, its_class: str
) -> None:
    origins(
        f"""
        created at: 2026-03-03 10:00
        traps: Honeypot, Trap

        clicked at                   | link   | class
        2026-03-03 12:00             | Trap   | trap
        2026-03-03 {before_or_after} | Resume | {its_class}
        """
    )


def test_a_trapped_click_traps_no_other(origins: Specification) -> None:
    """Only clicks on the trap itself do; and a link is a trap by its very name."""
    origins(
        """
        created at: 2026-03-03 10:00
        traps: Trap

        clicked at          | link   | class
        2026-03-03 12:00:00 | Trap   | trap
        2026-03-03 12:00:09 | Resume | trap
        2026-03-03 12:00:18 | Resume | human
        2026-03-03 14:00:00 | trap   | human
        2026-03-03 14:00:09 | Resume | human
        """
    )


def test_traps_work_where_sweeps_are_off(origins: Specification) -> None:
    origins(
        """
        created at: 2026-03-03 10:00
        traps: Trap
        sweep: 0 links in 3 s

        clicked at          | link     | class
        2026-03-03 12:00:00 | Trap     | trap
        2026-03-03 12:00:03 | LinkedIn | trap
        2026-03-03 12:00:04 | Resume   | human
        """
    )


@pytest.mark.parametrize(
    ("user_agent", "its_class"),
    [
        (BROWSER, "human"),
        ("", "human"),  # null
        ('""', "human"),
        ("curl/8.5.0", "declared"),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", "declared"),
        ("LinkedInBot/1.0", "declared"),
        ("A-Robot-Of-Ours", "human"),  # says so to us, not to the package
    ],
)
def test_a_program_says_what_it_is(origins: Specification, user_agent: str, its_class: str) -> None:
    origins(
        f"""
        created at: 2026-03-03 10:00

        clicked at       | link   | user agent   | class
        2026-03-03 12:00 | Resume | {user_agent} | {its_class}
        """
    )


@pytest.mark.parametrize(
    ("address", "its_class"),
    [
        ("192.0.1.255", "human"),
        ("192.0.2.0", "network"),
        ("192.0.2.255", "network"),
        ("192.0.3.0", "human"),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "human"),
        ("2001:db8::", "network"),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "network"),
        ("2001:db9::", "human"),
        ("198.51.100.7", "network"),
        ("198.51.100.8", "human"),
        # an address of IPv4 as a server that listens to both writes it
        ("::ffff:192.0.2.1", "network"),
        ("::ffff:198.51.100.8", "human"),
        ("203.0.113.5", "network"),
        ("203.0.113.6", "human"),
        ("", "human"),  # null
    ],
)
def test_an_address_lies_in_a_network(origins: Specification, address: str, its_class: str) -> None:
    """The same for one's own networks."""
    networks = "192.0.2.0/24, 2001:db8::/32, 198.51.100.7/32, ::ffff:203.0.113.5/128"
    for setting, expected in [
        ("machine networks", its_class),
        ("own networks", its_class.replace("network", "own")),
    ]:
        origins(
            f"""
            created at: 2026-03-03 10:00
            {setting}: {networks}

            clicked at       | link   | address   | class
            2026-03-03 12:00 | Resume | {address} | {expected}
            """
        )


def test_the_first_class_that_fits(origins: Specification) -> None:
    """Every click lies in a sweep. On the first day the trap is among what was swept; on the
    second, everything else that may be known of a click comes before the sweep."""
    origins(
        """
        created at: 2026-03-03 10:00
        traps: Trap
        machine networks: 192.0.2.0/24
        own networks: 192.0.2.0/24, 198.51.100.0/24

        clicked at       | link      | user agent | address      | class
        2026-03-04 12:00 | Trap      |            |              | trap
        2026-03-04 12:00 | LinkedIn  | curl/8.5.0 | 192.0.2.1    | trap
        2026-03-04 12:00 | Resume    |            | 198.51.100.1 | trap
        2026-03-05 12:00 | LinkedIn  | curl/8.5.0 | 192.0.2.1    | declared
        2026-03-05 12:00 | LinkedIn  | curl/8.5.0 | 198.51.100.1 | declared
        2026-03-05 12:00 | Resume    |            | 192.0.2.1    | network
        2026-03-05 12:00 | Portfolio |            | 198.51.100.1 | own
        2026-03-05 12:00 | Portfolio |            |              | sweep
        2026-03-05 12:00 | Portfolio |            |              | sweep
        """
    )
