"""Other spellings of a function become its name before anything is computed."""

from tests.spec.conftest import Specification


def test_three_spellings_are_three_functions(origins: Specification) -> None:
    """Unless the definition says that they are one: two link types less are 20 points, and what is
    clicked again is a repeat visit."""
    drawing = """
        created at: Tue 2026-03-03 10:00
        {spellings}

        clicked at           | link
        Wed 2026-03-04 10:00 | LinkedIn
        Wed 2026-03-04 11:00 | linkedin
        Wed 2026-03-04 12:00 | "LinkedIn "

        reading                  | all
        unique_functions_clicked | {unique}
        engagement_score         | {engagement}
        """
    origins(drawing.format(spellings="# none", unique=3, engagement="10 + 25 + 10 + 10"))
    origins(
        drawing.format(
            spellings='spellings: LinkedIn = linkedin, "LinkedIn "',
            unique=1,
            engagement="10 + 25 + 5 + 5",
        )
    )


def test_the_order_is_that_of_the_names(origins: Specification) -> None:
    """At one instant clicks are ordered by function: Zoom is Calendly, which comes first."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        spellings: Calendly = Zoom

        clicked at       | link
        2026-03-04 10:00 | Zoom
        2026-03-04 10:00 | LinkedIn

        reading          | all
        click_sequence   | {Calendly, LinkedIn}
        engagement_score | 10 + 25 + 40 + 10
        intent_score     | 15 + 40
        """
    )


def test_a_spelling_matches_to_the_letter(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00
        spellings: Calendly = cal

        clicked at       | link
        2026-03-04 10:00 | CAL
        2026-03-04 11:00 | cal
        2026-03-04 12:00 | calendly

        reading        | all
        click_sequence | {CAL, Calendly, calendly}
        """
    )


def test_spellings_are_not_transitive(origins: Specification) -> None:
    """What becomes Resume stays Resume, although the word Resume becomes CV."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        spellings: CV = Resume; Resume = Lebenslauf

        clicked at       | link
        2026-03-04 10:00 | Resume
        2026-03-04 11:00 | Lebenslauf

        reading        | all         | human
        click_sequence | {CV, Resume} | {CV, Resume}
        """
    )


def test_a_trap_is_known_by_its_name(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00
        traps: Trap
        spellings: Trap = trap, hidden

        clicked at          | link   | class
        2026-03-04 10:00:00 | hidden | trap
        2026-03-04 10:00:05 | Resume | trap
        2026-03-04 12:00:00 | Trap   | trap
        2026-03-04 14:00:00 | TRAP   | human
        """
    )


def test_two_spellings_are_still_two_links(origins: Specification) -> None:
    """Sweeps and repeats look at links, not at functions."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        sweep: 4 links in 10 s
        spellings: Resume = resume, CV

        clicked at       | link   | class
        2026-03-04 10:00 | Resume | human
        2026-03-04 10:00 | resume | human
        2026-03-04 10:00 | CV     | human

        reading            | all | human
        total_click_events | 3   | 3
        """
    )
