"""Sequence: which links were clicked, in which order, and how often."""

from tests.spec.conftest import Specification


def test_the_sequence_is_in_the_order_of_the_clicks_and_keeps_repeats(
    application: Specification,
) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at                     | link function
        Tue 2024-03-05 08:00           | LinkedIn
        Mon 2024-03-04 12:30           | Resume
        Tue 2024-03-05 08:00:00.000001 | Resume
        Fri 2024-03-08 17:00           | Calendly
        Wed 2024-03-06 09:00           | LinkedIn

        click_sequence           | {Resume, LinkedIn, Resume, LinkedIn, Calendly}
        unique_functions_clicked | 3
        total_click_events       | 5
        """
    )


def test_clicks_of_the_same_instant_are_in_the_order_of_their_bytes(
    application: Specification,
) -> None:
    """Capitals come before small letters, both before accents, and these before emoji: the order
    of the data alone, not of anybody's language."""
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Mon 2024-03-04 12:30 | 😀
        Mon 2024-03-04 12:30 | resume
        Mon 2024-03-04 12:30 | \N{HALFWIDTH WHITE CIRCLE}
        Mon 2024-03-04 12:30 | Résumé
        Mon 2024-03-04 12:30 | éclair
        Mon 2024-03-04 12:30 | Resume
        Mon 2024-03-04 12:30 | Portfolio
        Mon 2024-03-04 12:29 | zebra

        click_sequence | {zebra, Portfolio, Resume, Résumé, resume, éclair, \
\N{HALFWIDTH WHITE CIRCLE}, 😀}
        """
    )


def test_functions_that_differ_only_in_case_or_accent_are_distinct(
    application: Specification,
) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        clicked at           | link function
        Mon 2024-03-04 12:30 | Resume
        Mon 2024-03-04 12:31 | resume
        Mon 2024-03-04 12:32 | résumé
        Mon 2024-03-04 12:33 | resume

        unique_functions_clicked | 3
        total_click_events       | 4
        """
    )


def test_without_clicks_the_sequence_is_empty(application: Specification) -> None:
    application(
        """
        created at: Mon 2024-03-04 09:00

        click_sequence           | {}
        unique_functions_clicked | 0
        total_click_events       | 0
        """
    )
