"""Which clicks are human: what happened to seventeen applications, as it was seen in practice, and
what both readings make of it."""

from tests.spec.conftest import Specification


def test_a_mail_scanner_opens_every_link_at_once(origins: Specification) -> None:
    """Twelve seconds after the mail was sent. Read as a person's, nobody could score higher."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Tue 2026-03-03 10:00:12 | Calendly  | sweep
        Tue 2026-03-03 10:00:12 | LinkedIn  | sweep
        Tue 2026-03-03 10:00:12 | Portfolio | sweep
        Tue 2026-03-03 10:00:12 | Resume    | sweep

        reading              | all    | human
        engagement_score     | 100    | 0
        intent_score         | 100    | 0
        hours_to_first_click | 0.00   | null
        total_click_events   | 4      | 0
        engagement_velocity  | 4.0000 | 0.0000

        human_clicks      | 0
        machine_clicks    | 4
        first_human_click | null
        last_human_click  | null
        """
    )


def test_a_person_comes_days_after_the_scanner(origins: Specification) -> None:
    """Only the person's click says when somebody first looked."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Tue 2026-03-03 10:00:12 | LinkedIn  | sweep
        Tue 2026-03-03 10:00:12 | Portfolio | sweep
        Tue 2026-03-03 10:00:12 | Resume    | sweep
        Fri 2026-03-06 09:30    | Resume    | human

        reading              | all  | human
        engagement_score     | 90   | 10
        intent_score         | 85   | 0
        hours_to_first_click | 0.00   | 71.50
        total_click_events   | 4    | 1
        engagement_velocity  | 1.3427 | 1.0000

        human_clicks      | 1
        machine_clicks    | 3
        first_human_click | Fri 2026-03-06 09:30
        last_human_click  | Fri 2026-03-06 09:30
        """
    )


def test_a_link_preview_says_what_it_is(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link     | user agent                                | class
        Tue 2026-03-03 10:00:03 | Calendly | LinkedInBot/1.0 (compatible; Mozilla/5.0) | declared

        reading              | all    | human
        engagement_score     | 80     | 0
        intent_score         | 90     | 0
        hours_to_first_click | 0.00   | null
        total_click_events   | 1      | 0
        engagement_velocity  | 1.0000 | 0.0000
        """
    )


def test_one_visit_is_logged_as_four_requests(origins: Specification) -> None:
    """A GET and three HEADs at one instant: one person, who looked once."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Tue 2026-03-03 10:00:05 | Portfolio | human
        Tue 2026-03-03 10:00:05 | Portfolio | repeat | × 3

        reading              | all    | human
        engagement_score     | 55     | 40
        intent_score         | 100    | 50
        hours_to_first_click | 0.00   | 0.00
        total_click_events   | 4      | 1
        engagement_velocity  | 4.0000 | 1.0000

        human_clicks    | 1
        machine_clicks  | 0
        repeated_clicks | 3
        """
    )


def test_a_script_opens_two_links(origins: Specification) -> None:
    """Too few for a sweep, but it tells its name."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | user agent             | class
        Tue 2026-03-03 10:00:12 | Portfolio | python-requests/2.31.0 | declared
        Tue 2026-03-03 10:00:12 | Resume    | python-requests/2.31.0 | declared

        reading              | all    | human
        engagement_score     | 50     | 0
        intent_score         | 65     | 0
        hours_to_first_click | 0.00   | null
        total_click_events   | 2      | 0
        engagement_velocity  | 2.0000 | 0.0000
        """
    )


def test_a_webhook_delivers_every_click_twice(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at                | link      | class
        Tue 2026-03-03 19:00:00   | Portfolio | human
        Tue 2026-03-03 19:00:00   | Resume    | human
        Tue 2026-03-03 19:00:00.3 | Portfolio | repeat
        Tue 2026-03-03 19:00:00.3 | Resume    | repeat

        reading              | all    | human
        engagement_score     | 30     | 20
        intent_score         | 50     | 15
        hours_to_first_click | 9.00   | 9.00
        total_click_events   | 4      | 2
        engagement_velocity  | 4.0000 | 2.0000
        """
    )


def test_one_event_is_stored_many_times(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at           | link   | class
        Tue 2026-03-03 19:00 | Resume | human
        Tue 2026-03-03 19:00 | Resume | repeat | × 45

        reading              | all     | human
        engagement_score     | 25      | 10
        intent_score         | 50      | 0
        hours_to_first_click | 9.00    | 9.00
        total_click_events   | 46      | 1
        engagement_velocity  | 46.0000 | 1.0000

        human_clicks    | 1
        repeated_clicks | 45
        """
    )


def test_a_chain_of_clicks_counts_once(origins: Specification) -> None:
    """Someone presses a button thirty times, every four seconds. The last comes two minutes after
    the first, and still repeats the one before it."""
    chain = "\n".join(
        f"Tue 2026-03-03 19:00 + 00:{4 * press // 60:02}:{4 * press % 60:02} | Resume | repeat"
        for press in range(2, 31)
    )
    origins(
        f"""created at: Tue 2026-03-03 10:00

clicked at                      | link   | class
Tue 2026-03-03 19:00 + 00:00:04 | Resume | human
{chain}

reading              | all     | human
engagement_score     | 25      | 10
intent_score         | 50      | 0
hours_to_first_click | 9.00    | 9.00
total_click_events   | 30      | 1
engagement_velocity  | 30.0000 | 1.0000

human_clicks     | 1
repeated_clicks  | 29
last_human_click | Tue 2026-03-03 19:00:04
"""
    )


def test_a_person_comes_back_within_a_minute(origins: Specification) -> None:
    """Both links twice: two are too few for a sweep, 40 s too long for a double click."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Wed 2026-03-04 10:00:00 | Portfolio | human
        Wed 2026-03-04 10:00:00 | Resume    | human
        Wed 2026-03-04 10:00:40 | Portfolio | human
        Wed 2026-03-04 10:00:40 | Resume    | human

        reading              | all    | human
        engagement_score     | 30     | 30
        intent_score         | 50     | 50
        hours_to_first_click | 24.00  | 24.00
        total_click_events   | 4      | 4
        engagement_velocity  | 4.0000 | 4.0000

        human_clicks    | 4
        repeated_clicks | 0
        """
    )


def test_three_links_within_exactly_the_seconds_of_a_sweep(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Tue 2026-03-03 12:00:00 | LinkedIn  | sweep
        Tue 2026-03-03 12:00:04 | Resume    | sweep
        Tue 2026-03-03 12:00:10 | Portfolio | sweep

        reading              | all    | human
        engagement_score     | 85     | 0
        intent_score         | 60     | 0
        hours_to_first_click | 2.00   | null
        total_click_events   | 3      | 0
        engagement_velocity  | 3.0000 | 0.0000
        """
    )


def test_three_links_in_a_microsecond_more(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at                     | link      | class
        Tue 2026-03-03 12:00:00        | LinkedIn  | human
        Tue 2026-03-03 12:00:04        | Resume    | human
        Tue 2026-03-03 12:00:10.000001 | Portfolio | human

        reading              | all    | human
        engagement_score     | 85     | 85
        intent_score         | 60     | 60
        hours_to_first_click | 2.00   | 2.00
        total_click_events   | 3      | 3
        engagement_velocity  | 3.0000 | 3.0000
        """
    )


def test_the_same_link_again_at_the_limit_and_just_beyond(origins: Specification) -> None:
    """After exactly 15 s it is the same visit, after a microsecond more another one."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at                     | link   | class
        Tue 2026-03-03 12:00:00        | Resume | human
        Tue 2026-03-03 12:00:15        | Resume | repeat
        Tue 2026-03-03 13:00:00        | Resume | human
        Tue 2026-03-03 13:00:15.000001 | Resume | human

        reading              | all    | human
        engagement_score     | 55     | 50
        intent_score         | 80     | 60
        hours_to_first_click | 2.00   | 2.00
        total_click_events   | 4      | 3
        engagement_velocity  | 4.0000 | 3.0000

        last_human_click | Tue 2026-03-03 13:00:15.000001
        """
    )


def test_the_applicant_tries_the_links_at_home(origins: Specification) -> None:
    """Hours before the employer, who then counts alone."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        own networks: 198.51.100.0/24

        clicked at           | link     | user agent  | address      | class
        Tue 2026-03-03 10:05 | LinkedIn | Mozilla/5.0 | 198.51.100.7 | own
        Tue 2026-03-03 10:05 | Calendly | Mozilla/5.0 | 198.51.100.7 | own
        Tue 2026-03-03 15:00 | Resume   | Mozilla/5.0 | 203.0.113.5  | human

        reading              | all    | human
        engagement_score     | 100    | 10
        intent_score         | 100    | 30
        hours_to_first_click | 0.08   | 5.00
        total_click_events   | 3      | 1
        engagement_velocity  | 3.0000 | 1.0000

        own_clicks     | 2
        machine_clicks | 0
        human_clicks   | 1
        """
    )


def test_something_follows_a_link_that_nobody_can_see(origins: Specification) -> None:
    """What came within ten seconds of it was the same visitor."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        traps: Trap

        clicked at                     | link     | class
        Tue 2026-03-03 11:00:00        | Resume   | trap
        Tue 2026-03-03 11:00:05        | Trap     | trap
        Tue 2026-03-03 11:00:15.000001 | LinkedIn | human

        reading              | all    | human
        engagement_score     | 85     | 65
        intent_score         | 80     | 50
        hours_to_first_click | 1.00   | 1.00
        total_click_events   | 3      | 1
        engagement_velocity  | 3.0000 | 1.0000

        machine_clicks | 2
        """
    )


def test_a_scanner_is_known_by_its_network(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00
        machine networks: 192.0.2.0/24

        clicked at           | link     | user agent  | address     | class
        Tue 2026-03-03 10:20 | Calendly | Mozilla/5.0 | 192.0.2.77  | network
        Thu 2026-03-05 10:20 | Calendly | Mozilla/5.0 | 203.0.113.6 | human

        reading              | all    | human
        engagement_score     | 85     | 50
        intent_score         | 90     | 40
        hours_to_first_click | 0.33   | 48.33
        total_click_events   | 2      | 1
        engagement_velocity  | 1.0000 | 1.0000
        """
    )


def test_three_links_of_one_function_are_three_links(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at           | link        | class
        Tue 2026-03-03 12:00 | Portfolio#1 | sweep
        Tue 2026-03-03 12:00 | Portfolio#2 | sweep
        Tue 2026-03-03 12:00 | Portfolio#3 | sweep

        reading              | all    | human
        engagement_score     | 50     | 0
        intent_score         | 60     | 0
        hours_to_first_click | 2.00   | null
        total_click_events   | 3      | 0
        engagement_velocity  | 3.0000 | 0.0000
        """
    )


def test_a_person_reads_one_link_after_the_other(origins: Specification) -> None:
    """Five links, six seconds apart: no ten seconds hold three of them."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at              | link      | class
        Tue 2026-03-03 12:00:00 | LinkedIn  | human
        Tue 2026-03-03 12:00:06 | Calendly  | human
        Tue 2026-03-03 12:00:12 | Portfolio | human
        Tue 2026-03-03 12:00:18 | Resume    | human
        Tue 2026-03-03 12:00:24 | GitHub    | human

        reading              | all    | human
        engagement_score     | 100    | 100
        intent_score         | 100    | 100
        hours_to_first_click | 2.00   | 2.00
        total_click_events   | 5      | 5
        engagement_velocity  | 5.0000 | 5.0000
        """
    )
