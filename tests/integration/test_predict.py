"""What is said of made-up worlds whose truth is known."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.answers.landmark import predict
from pipeline.answers.prediction import Prediction, Verdict
from tests.databases import Database
from tests.lives import SWEEP, Life, by_chance, clicked_after_the_answer, load

SCORES = ("engagement_score", "intent_score")
EARLY = [(0.5, "LinkedIn"), (1.0, "Calendly")]
LATE = [(3.5, "LinkedIn"), (4.0, "Calendly")]


def interviews(found: Prediction, score: str = "engagement_score") -> Verdict:
    [row] = [
        row for row in found.verdicts if (row["score"], row["outcome"]) == (score, "interview")
    ]
    return row


def reasons(found: Prediction) -> dict[str, int]:
    return {row["reason"]: row["applications"] for row in found.left_out}


def holds(row: Verdict, auc: float) -> bool:
    assert row["low"] is not None
    assert row["high"] is not None
    return row["low"] <= auc <= row["high"]


def held(database: Database, seeds: int) -> int:
    """How many of the worlds whose clicks tell nothing have an interval that says so."""
    count = 0
    for seed in range(seeds):
        load(database, by_chance(seed))
        count += holds(interviews(predict(database.settings())), 0.5)
    return count


def test_scores_that_carry_nothing(database: Database) -> None:
    assert held(database, 8) >= 7


@pytest.mark.slow
def test_scores_that_carry_nothing_in_95_of_100_worlds(database: Database) -> None:
    assert 90 <= held(database, 100) <= 99


def test_scores_that_carry_something(database: Database) -> None:
    load(database, by_chance(1, told=0.3))
    found = predict(database.settings())
    assert found.words == "predicts"
    for score in SCORES:
        assert interviews(found, score)["verdict"] == "higher"
    assert found.taking_part == found.applications == 300
    shares = {
        row["rule"]: (row["fired"]["rate"], row["not_fired"]["rate"])
        for row in found.rules
        if row["score"] == "engagement_score" and row["outcome"] == "interview"
    }
    fired, not_fired = shares["any engagement"]
    assert fired is not None
    assert not_fired is not None
    assert fired > not_fired + 0.2


def test_clicks_that_come_after_the_response_show_nothing(database: Database) -> None:
    """The scores of today would tell everything."""
    load(database, clicked_after_the_answer(1))
    found = predict(database.settings())
    assert reasons(found)["response before the landmark"] > 50
    for score in SCORES:
        assert interviews(found, score)["verdict"] == "no difference found"


def test_without_response_times_the_words_are_weaker(database: Database) -> None:
    """Those who were invited within three days, and clicked then, cannot be told apart."""
    load(database, clicked_after_the_answer(1), with_times=False)
    found = predict(database.settings())
    assert (found.words, found.because) == ("goes with", "no response times")
    assert interviews(found)["verdict"] == "higher"


def test_clicks_after_the_landmark_do_not_count(database: Database) -> None:
    lives = [Life("interview", 10, LATE)] * 20 + [Life()] * 20
    load(database, lives)
    assert interviews(predict(database.settings()))["auc"] == 0.5
    load(database, [replace(life, clicks=EARLY) if life.clicks else life for life in lives])
    assert interviews(predict(database.settings()))["auc"] == 1.0


def test_a_click_at_the_landmark_counts(database: Database) -> None:
    """And one a second later does not."""
    for second, band in ((0, 10), (1, 0)):
        load(database, [Life("interview", 10, [(3 + second / 86_400, "GitHub")])])
        database.execute(
            "update job_applications set created_at = '2024-03-01 12:00';"
            f"update link_clicks set clicked_at = '2024-03-04 12:00:0{second}'"
        )
        database.execute(
            "update job_applications set first_response_received_at = '2024-03-09 12:00'"
        )
        found = predict(database.settings())
        [row] = [
            row
            for row in found.bands
            if row["applications"]
            and (row["score"], row["outcome"]) == ("engagement_score", "offer")
        ]
        assert row["band"] == band


def test_a_sweep_that_ends_after_the_landmark_is_judged_by_what_came_before(
    database: Database,
) -> None:
    """Clicks after the landmark decide nothing, not even which of the earlier ones are human."""
    shifted = [(at + 2.5 - 1.5 / 86_400, name) for at, name in SWEEP]
    load(database, [Life("interview", 10, shifted)] * 10 + [Life()] * 10)
    assert interviews(predict(database.settings()))["auc"] == 1.0


def test_clicks_of_scanners_are_no_scores(database: Database) -> None:
    load(database, [Life("interview", 10, SWEEP)] * 20 + [Life()] * 20)
    row = interviews(predict(database.settings()))
    assert (row["auc"], row["verdict"]) == (0.5, "no difference found")


def test_immature_applications_do_not_take_part(database: Database) -> None:
    load(database, [Life("interview", 10, EARLY, age=32)] * 20 + [Life()] * 20)
    found = predict(database.settings())
    assert (found.taking_part, reasons(found)) == (20, {"too recent": 20})
    assert interviews(found)["verdict"] == "not computable"


def test_every_reason_is_counted(database: Database) -> None:
    load(
        database,
        [
            Life(age=None),
            Life(age=20),
            Life(age=500),
            Life("interview", 2),
            Life("offer", None),
            Life("offer", 5),
            Life(),
        ],
    )
    found = predict(database.settings())
    assert reasons(found) == {
        "no created_at": 1,
        "too recent": 1,
        "response before the landmark": 1,
        "outcome without a time": 1,
    }
    assert (found.applications, found.taking_part) == (7, 3)


def test_frozen_applications_do_not_take_part(database: Database, tmp_path: Path) -> None:
    """Their clicks may be gone."""
    file = tmp_path / "frozen.toml"
    file.write_text("[applications]\nfrozen_after_days = 365")
    load(database, [Life(age=366), Life(age=364)])
    found = predict(database.settings(definition_file=str(file)))
    assert reasons(found) == {"frozen": 1}


def test_outcomes_without_times(database: Database) -> None:
    told = [Life("interview", 10, EARLY)] * 20 + [Life()] * 20
    load(database, told + [Life("interview", None, EARLY)] * 3)
    found = predict(database.settings())
    assert (found.words, found.because) == ("goes with", "outcomes without a time")
    assert interviews(found)["verdict"] == "higher"
    load(database, told + [Life("interview", None, EARLY)] * 2)
    assert predict(database.settings()).words == "predicts"


def test_statuses_that_match_nothing_and_how_they_get_a_meaning(
    database: Database, tmp_path: Path
) -> None:
    load(database, [Life("Gespräch", 10, EARLY)] * 20 + [Life("")] * 3 + [Life(None)] * 2)
    found = predict(database.settings())
    assert found.statuses == [
        {"status": "Gespräch", "applications": 20, "read_as": "nothing"},
        {"status": "", "applications": 3, "read_as": "nothing"},
        {"status": None, "applications": 2, "read_as": "nothing"},
    ]
    file = tmp_path / "german.toml"
    file.write_text('[statuses]\ninterview = ["gespräch"]', encoding="utf-8")
    named = predict(database.settings(definition_file=str(file)))
    assert named.statuses
    assert named.statuses[0]["read_as"] == "interview"
    assert interviews(named)["with_outcome"] == 20


def test_times_in_a_zone(database: Database, tmp_path: Path) -> None:
    """The same instants are read from a column with a time zone as from one without."""
    file = tmp_path / "local.toml"
    file.write_text('[time]\napplications = "America/Edmonton"')
    load(database, [Life("interview", 10)])
    database.execute(
        "update job_applications set created_at = '2024-03-01 12:00',"
        " first_response_received_at = '2024-03-04 12:00'"
    )
    early = {"response before the landmark": 1}
    assert reasons(predict(database.settings(definition_file=str(file)))) == early
    database.execute(
        "alter table job_applications alter first_response_received_at type timestamptz"
        " using first_response_received_at at time zone 'UTC'"
    )
    assert reasons(predict(database.settings())) == early
    database.execute(
        "update job_applications set first_response_received_at = '2024-03-04 12:00:01Z'"
    )
    assert reasons(predict(database.settings())) == {}


def test_a_response_time_of_no_use_is_none(database: Database) -> None:
    load(database, [Life("interview", 10)])
    database.execute("update job_applications set first_response_received_at = '-infinity'")
    assert reasons(predict(database.settings())) == {"outcome without a time": 1}


def test_a_role_that_may_not_read_the_response_times(database: Database, role: str) -> None:
    load(database, [Life("interview", 10)])
    database.execute(
        f"grant select on jobs, link_tracking, link_clicks, clickstats_runs to {role};"
        f"grant select (id, job_id, created_at) on job_applications to {role}"
    )
    seen = database.seen_by(role, role)
    assert predict(seen.settings()).statuses is None
    database.execute(f"grant select (application_status) on job_applications to {role}")
    found = predict(seen.settings())
    assert (found.because, found.taking_part) == ("no response times", 1)


def test_nothing_to_predict(database: Database) -> None:
    load(database, [])
    found = predict(database.settings())
    assert (found.applications, found.taking_part, found.statuses) == (0, 0, [])
    assert {row["verdict"] for row in found.verdicts} == {"not computable"}
