"""Every figure of a report equals an SQL query over the tables."""

from datetime import timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest

from pipeline.answers.figures import RESPONSE_EDGES
from pipeline.answers.landmark import predict
from pipeline.answers.overview import Overview, overview
from pipeline.scoring.scores import SCORES
from tests.databases import Database

OURS = "from link_click_analytics where application_id is not null"


def report(database: Database, timezone: str = "UTC", **statuses: list[str]) -> Overview:
    return overview(database.settings(timezone=timezone), **statuses)


@pytest.fixture(scope="module")
def seen(sampled: Database) -> Overview:
    return report(sampled)


def one(database: Database, query: str) -> Any:
    [(value,)] = database.execute(query)
    return value


def test_totals(sampled: Database, seen: Overview) -> None:
    assert seen.totals == {
        "applications": one(sampled, "select count(*) from job_applications"),
        "missing": 0,
        "rows_without_application": 0,
        "rows_left_out": 0,
        "stored": one(sampled, f"select count(*) {OURS}"),
        "with_clicks": one(sampled, f"select count(*) {OURS} and total_click_events > 0"),
        "clicks": one(sampled, f"select sum(total_click_events) {OURS}"),
        "link_functions": one(sampled, "select count(distinct link_function) from link_tracking"),
        "oldest_calculated_at": one(sampled, f"select min(calculated_at) {OURS}"),
        "newest_calculated_at": one(sampled, f"select max(calculated_at) {OURS}"),
        "newest_updated_at": one(sampled, f"select max(updated_at) {OURS}"),
        "machine_clicks": one(sampled, "select sum(machine_clicks) from link_click_readings"),
        "own_clicks": 0,
        "repeated_clicks": one(sampled, "select sum(repeated_clicks) from link_click_readings"),
        "without_readings": 0,
    }


def test_scores(sampled: Database, seen: Overview) -> None:
    for row in seen.scores:
        mean, median = sampled.execute(
            f"select avg({row['score']}), percentile_cont(0.5) within group (order by"
            f" {row['score']}) {OURS}"
        )[0]
        assert row["mean"] == pytest.approx(float(mean))
        assert row["median"] == median


def test_distribution(sampled: Database, seen: Overview) -> None:
    for row in seen.distribution:
        highest = 100 if row["band"] == 90 else row["band"] + 9
        assert row["applications"] == one(
            sampled,
            f"select count(*) {OURS} and {row['score']} between {row['band']} and {highest}",
        )
    assert len(seen.distribution) == 20


def test_joint(sampled: Database, seen: Overview) -> None:
    found = {
        (row["engagement_band"], row["intent_band"]): row["applications"] for row in seen.joint
    }
    counted = sampled.execute(
        "select least(engagement_score / 10, 9) * 10, least(intent_score / 10, 9) * 10, count(*)"
        f" {OURS} group by 1, 2"
    )
    assert {key: count for key, count in found.items() if count} == {
        (engagement, intent): count for engagement, intent, count in counted
    }
    assert len(found) == 100


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_clicks_by_hour(sampled: Database, timezone: str) -> None:
    found = report(sampled, timezone).clicks_by_hour
    counted = sampled.execute(
        "select extract(dow from at)::int, extract(hour from at)::int, count(*) from ("
        f" select clicked_at at time zone 'UTC' at time zone '{timezone}' as at"
        " from link_clicks join link_tracking using (tracking_id)"
        " join job_applications on job_applications.id = application_id"
        " where clicked_at >= '1970-01-01' and clicked_at < '2100-01-01'"
        ") as click group by 1, 2"
    )
    assert len(found) == 7 * 24
    assert {(row["day_of_week"], row["hour"]): row["clicks"] for row in found if row["clicks"]} == {
        (day, hour): count for day, hour, count in counted
    }


def test_response(sampled: Database, seen: Overview) -> None:
    lower, median, upper = one(
        sampled,
        "select percentile_cont(array[0.25, 0.5, 0.75]) within group (order by time_to_first_click)"
        f" {OURS} and time_to_first_click > '0'",
    )
    found: dict[str, Any] = {**seen.response}
    exact = {"lower_quartile": lower, "median": median, "upper_quartile": upper}
    for name, value in exact.items():
        assert abs(found[name] - value) <= timedelta(microseconds=1)
    for name, condition in {
        "after": "time_to_first_click > '0'",
        "not_after": "time_to_first_click <= '0'",
        "at_the_same_moment": "time_to_first_click = '0'",
        "before": "time_to_first_click < '0'",
        "none": "time_to_first_click is null",
    }.items():
        assert found[name] == one(sampled, f"select count(*) {OURS} and {condition}")


def test_response_times(sampled: Database, seen: Overview) -> None:
    assert [row["at_least"] for row in seen.response_times] == RESPONSE_EDGES
    for row in seen.response_times:
        below = row["below"] or timedelta(days=100_000)
        [(count,)] = sampled.execute(
            f"select count(*) {OURS} and time_to_first_click > '0'"
            " and time_to_first_click >= %s and time_to_first_click < %s",
            (row["at_least"], below),
        )
        assert row["applications"] == count
    assert sum(row["applications"] for row in seen.response_times) == seen.response["after"]


def test_functions(sampled: Database, seen: Overview) -> None:
    counted = sampled.execute(
        "select name, count(*), count(distinct application_id),"
        " count(*) filter (where place = 1),"
        " count(*) filter (where place = total_click_events)"
        " from link_click_analytics,"
        " unnest(click_sequence) with ordinality as click (name, place)"
        ' group by name order by count(*) desc, name collate "C"'
    )
    assert [tuple(row.values()) for row in seen.functions] == counted


def test_sequences(sampled: Database, seen: Overview) -> None:
    counted = sampled.execute(
        f"select click_sequence, total_click_events, count(*) {OURS} and total_click_events > 0"
        " group by 1, 2 order by 3 desc limit 10"
    )
    assert [row["applications"] for row in seen.sequences] == [count for _, _, count in counted]
    for row in seen.sequences:
        [(count,)] = sampled.execute(
            f"select count(*) {OURS} and click_sequence = %s", [row["click_sequence"]]
        )
        assert (row["applications"], row["clicks"]) == (count, len(row["click_sequence"]))


# the rules once more, as conditions and points in SQL
RESPONSE = "time_to_first_click > '0' and time_to_first_click < interval '{} hours'"
ABOVE = (
    "total_click_events * 86400::numeric > {} * greatest(86400,"
    " extract(epoch from time_between_first_last_click))"
)
CALENDLY = ("'Calendly' = any (click_sequence)", "40")
RULES = {
    ("engagement_score", "any engagement"): ("total_click_events > 0", "10"),
    ("engagement_score", "LinkedIn viewed"): ("'LinkedIn' = any (click_sequence)", "25"),
    ("engagement_score", "Calendly clicked"): CALENDLY,
    ("engagement_score", "repeat clicks"): (
        "total_click_events > unique_functions_clicked",
        "least(15, 5 * (total_click_events - unique_functions_clicked))",
    ),
    ("engagement_score", "quick response"): (RESPONSE.format(4), "30"),
    ("engagement_score", "weekend click"): ("click_days_of_week && '{0,6}'", "20"),
    ("engagement_score", "several link types"): (
        "unique_functions_clicked > 1",
        "10 * (unique_functions_clicked - 1)",
    ),
    ("intent_score", "very quick response"): (RESPONSE.format(2), "50"),
    ("intent_score", "quick response"): (
        f"{RESPONSE.format(8)} and not ({RESPONSE.format(2)})",
        "30",
    ),
    ("intent_score", "high velocity"): (ABOVE.format(2), "30"),
    ("intent_score", "moderate velocity"): (f"{ABOVE.format(1)} and not {ABOVE.format(2)}", "15"),
    ("intent_score", "Calendly clicked"): CALENDLY,
    ("intent_score", "repeat visits"): ("total_click_events > 3", "20"),
}


def test_rules(sampled: Database, seen: Overview) -> None:
    found = {(row["score"], row["rule"]): row for row in seen.rules}
    assert list(found) == [
        *(key for key in RULES if key[0] == "engagement_score"),
        ("engagement_score", "cap"),
        *(key for key in RULES if key[0] == "intent_score"),
        ("intent_score", "cap"),
    ]
    for key, (condition, points) in RULES.items():
        [expected] = sampled.execute(
            f"select count(*), coalesce(sum({points}), 0) {OURS} and ({condition})"
        )
        assert (found[key]["applications"], found[key]["points"]) == expected
    for score in SCORES:
        total = sum(row["points"] for row in seen.rules if row["score"] == score)
        assert total == one(sampled, f"select sum({score}) {OURS}")


def test_the_prediction_is_that_of_predict(sampled: Database, seen: Overview) -> None:
    assert seen.prediction == predict(sampled.settings())
    assert seen.prediction.taking_part > 1_000


def test_top(sampled: Database, seen: Overview) -> None:
    best = sampled.execute(
        "select application_id, intent_score_human, engagement_score_human, last_human_click,"
        " intent_score_all, engagement_score_all, hours_to_first_click"
        " from application_scores join link_click_analytics using (application_id)"
        " where human_clicks > 0 order by intent_score_human desc, engagement_score_human desc,"
        " last_human_click desc, application_id limit 10"
    )
    of = itemgetter(
        "application_id", "intent_score_human", "engagement_score_human", "last_human_click",
        "intent_score_all", "engagement_score_all", "hours_to_first_click",
    )  # fmt: skip
    assert list(map(of, seen.top)) == best
    assert isinstance(seen.top[0]["hours_to_first_click"], Decimal)
