"""Explanations of stored applications: they add up, and say whether the stored row is current."""

from datetime import datetime
from decimal import Decimal

import pytest

from pipeline.answers.explain import explain_named
from pipeline.answers.explanation import Explanation, OtherValue
from pipeline.run import run_all
from pipeline.scoring.scores import SCORES
from tests.databases import Database
from tests.drawings import named, world_drawn

KEEN, SILENT, UNKNOWN = str(named("keen")), str(named("silent")), str(named("unknown"))
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    keen        | J   | 2024-03-09 22:00
    silent      | J   | null

    link | application | link function
    a    | keen        | LinkedIn
    b    | keen        | Calendly

    link | clicked at
    b    | 2024-03-09 23:30
    a    | 2024-03-09 23:30
    a    | 2024-03-12 08:00
    a    | null
    b    | infinity
    """
).world


@pytest.fixture
def drawn(database: Database) -> Database:
    database.load(WORLD)
    return database


def one(database: Database, application: str = KEEN, timezone: str = "UTC") -> Explanation:
    [explanation], _ = explain_named(database.settings(timezone=timezone), [application])
    return explanation


def test_the_points_of_every_sample_application_add_up_to_the_stored_score(
    sampled: Database,
) -> None:
    stored = {
        application: dict(zip(SCORES, scores, strict=True))
        for application, *scores in sampled.execute(
            f"select application_id::text, {', '.join(SCORES)} from link_click_analytics"
        )
    }
    explained, unknown = explain_named(sampled.settings(), list(stored))
    assert not unknown
    assert len(explained) == 2_000
    for explanation in explained:
        assert explanation.stored.state == "current"
        for score, steps in explanation.scores.items():
            points = sum(step["points"] for step in steps)
            assert points == explanation.metrics[score] == stored[explanation.application_id][score]
            assert all(step["fired"] == (step["points"] != 0) for step in steps)


def test_the_timeline_is_in_the_order_of_the_sequence_and_in_local_time(drawn: Database) -> None:
    explanation = one(drawn, timezone="Europe/Berlin")
    first, second, third = explanation.clicks
    assert (first["link_function"], second["link_function"]) == ("Calendly", "LinkedIn")
    assert first == {
        "clicked_at": datetime(2024, 3, 9, 23, 30),
        "local_time": "2024-03-10T00:30:00.000000+01:00",
        "day_of_week": 0,
        "hour": 0,
        "link_function": "Calendly",
        "user_agent": None,
        "ip_address": None,
        "class": "human",
        "reason": "",
    }
    assert third["clicked_at"] == datetime(2024, 3, 12, 8)
    assert explanation.clicks_unusable == 2
    assert explanation.metrics["click_sequence"] == ["Calendly", "LinkedIn", "LinkedIn"]
    assert explanation.metrics["hours_to_first_click"] == Decimal("1.50")


def test_an_application_without_clicks(drawn: Database) -> None:
    explanation = one(drawn, SILENT)
    assert (explanation.clicks, explanation.clicks_unusable) == ([], 0)
    assert explanation.created_at is None
    assert explanation.metrics["engagement_score"] == explanation.metrics["intent_score"] == 0


def test_a_missing_row(drawn: Database) -> None:
    assert one(drawn).stored.state == "missing"


def test_a_row_that_is_out_of_date_names_the_columns(drawn: Database) -> None:
    run_all(drawn.settings())
    stored = one(drawn).stored
    assert (stored.state, stored.differences) == ("current", ())
    assert stored.calculated_at
    drawn.execute("update link_click_analytics set peak_click_hour = 3, intent_score = 1")
    stored = one(drawn).stored
    assert stored.state == "out of date"
    assert stored.differences == (
        OtherValue("peak_click_hour", 3, 23),
        OtherValue("intent_score", 1, 100),
    )


def test_stored_readings_that_are_out_of_date(drawn: Database) -> None:
    """Which the next run renews, although link_click_analytics is right."""
    run_all(drawn.settings())
    drawn.execute("update link_click_readings set human_clicks = 9")
    stored = one(drawn).stored
    assert stored.state == "out of date"
    assert stored.differences == (OtherValue("readings.human_clicks", 9, 3),)
    drawn.execute("delete from link_click_readings")
    stored = one(drawn).stored
    assert stored.state == "out of date"
    assert {each.column.partition(".")[0] for each in stored.differences} == {"readings"}
    assert one(drawn, SILENT).stored.state == "current"
    run_all(drawn.settings())
    assert one(drawn).stored.state == "current"


def test_the_zone_decides_what_is_current(drawn: Database) -> None:
    run_all(drawn.settings())
    differences = one(drawn, timezone="Europe/Berlin").stored.differences
    assert [each.column for each in differences] == ["peak_click_hour", "click_days_of_week"]


def test_the_order_given_and_unknown_ids(drawn: Database) -> None:
    explained, unknown = explain_named(drawn.settings(), [SILENT, UNKNOWN, KEEN])
    assert [explanation.application_id for explanation in explained] == [SILENT, KEEN]
    assert unknown == [UNKNOWN]


def test_nothing_is_written(drawn: Database) -> None:
    one(drawn)
    assert drawn.execute("select count(*) from link_click_analytics") == [(0,)]
