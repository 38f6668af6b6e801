"""Both readings of an application, all clicks and human ones, side by side."""

from tests.drawings_of_origins import origins_drawn
from tests.engines import EngineOfOrigins
from tests.spec.conftest import Specification, hold_origins


def test_which_classes_count_where(origins: Specification) -> None:
    """One click of each class, hours apart but for what needs company. Machines are four kinds:
    trap, declared, network and sweep."""
    origins(
        """
        created at: Tue 2026-03-03 10:00
        traps: Trap
        machine networks: 192.0.2.0/24
        own networks: 198.51.100.0/24

        clicked at           | link      | user agent | address      | class
        Tue 2026-03-03 12:00 | Trap      |            |              | trap
        Tue 2026-03-03 13:00 | Resume    | curl/8.5.0 |              | declared
        Tue 2026-03-03 14:00 | Resume    |            | 192.0.2.1    | network
        Tue 2026-03-03 15:00 | Resume    |            | 198.51.100.1 | own
        Tue 2026-03-03 16:00 | LinkedIn  |            |              | sweep
        Tue 2026-03-03 16:00 | Resume    |            |              | sweep
        Tue 2026-03-03 16:00 | Portfolio |            |              | sweep
        Tue 2026-03-03 17:00 | Resume    |            |              | human
        Tue 2026-03-03 17:00 | Resume    |            |              | repeat
        Tue 2026-03-03 18:00 | Calendly  |            |              | human

        reading            | all | human
        total_click_events | 10  | 2

        human_clicks            | 2
        machine_clicks          | 6
        own_clicks              | 1
        repeated_clicks         | 1
        first_human_click       | Tue 2026-03-03 17:00
        last_human_click        | Tue 2026-03-03 18:00
        engagement_score_all    | 100
        intent_score_all        | 50 + 30 + 20
        engagement_score_human  | 10 + 40 + 10
        intent_score_human      | 30 + 15 + 40
        """
    )


def test_where_all_clicks_are_human_both_readings_are_the_same(origins: Specification) -> None:
    """And still there is a row: it knows the last human click."""
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at           | link     | class
        Wed 2026-03-04 10:00 | LinkedIn | human
        Thu 2026-03-05 10:00 | LinkedIn | human

        reading                       | all            | human
        click_sequence                | {LinkedIn, LinkedIn} | {LinkedIn, LinkedIn}
        time_between_first_last_click | 1 day 00:00:00 | 1 day 00:00:00

        human_clicks           | 2
        machine_clicks         | 0
        own_clicks             | 0
        repeated_clicks        | 0
        last_human_click       | Thu 2026-03-05 10:00
        engagement_score_all   | 10 + 25 + 5
        engagement_score_human | 10 + 25 + 5
        intent_score_all       | 15
        intent_score_human     | 15
        """
    )


def test_without_a_human_click_the_human_row_is_that_of_no_clicks(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at           | link     | user agent | class
        Wed 2026-03-04 10:00 | LinkedIn | curl/8.5.0 | declared

        reading                        | all | human
        time_to_first_click            | 1 day 00:00:00 | null
        hours_to_first_click           | 24.00 | null
        time_between_first_last_click  | 00:00:00 | null
        hours_between_first_last_click | 0.00 | null
        click_sequence                 | {LinkedIn} | {}
        unique_functions_clicked       | 1 | 0
        total_click_events             | 1 | 0
        peak_click_hour                | 10 | null
        click_days_of_week             | {3} | {}
        engagement_velocity            | 1.0000 | 0.0000
        engagement_score               | 10 + 25 | 0
        intent_score                   | 0 | 0

        human_clicks     | 0
        last_human_click | null
        """
    )


def test_only_used_clicks_have_a_class(origins: Specification) -> None:
    origins(
        """
        created at: Tue 2026-03-03 10:00

        clicked at                 | link      | class
        Wed 2026-03-04 10:00       | LinkedIn  | human
        1969-12-31 23:59:59.999999 | Resume    |
        infinity                   | Resume    |
        null                       | Resume    |

        reading            | all | human
        total_click_events | 1   | 1

        human_clicks   | 1
        machine_clicks | 0
        """
    )


def test_an_application_without_a_used_click_has_no_row(
    engine_of_origins: EngineOfOrigins,
) -> None:
    drawing = origins_drawn(
        """
        created at: Tue 2026-03-03 10:00

        clicked at | link
        null       | Resume

        reading            | all | human
        total_click_events | 0   | 0
        """
    )
    hold_origins(drawing, engine_of_origins)
    assert engine_of_origins.readings(drawing.world, drawing.definition) == {}
