"""Both readings in a report: as stored, as SQL counts them, as another definition gives them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.answers.overview import Overview, overview
from pipeline.database.connection import session
from pipeline.demo import sample
from pipeline.migrate import migrate
from pipeline.run import run_all
from schema.columns import CLASSES
from tests.databases import Database, fresh
from tests.drawings import named, world_drawn

READINGS = ("all", "human")
HUMAN = """
[clicks]
count = "human"
sweep_seconds = 600
"""


def report(
    database: Database, definition: Path | None = None, timezone: str | None = None
) -> Overview:
    file = str(definition) if definition else None
    settings = database.settings(definition_file=file, timezone=timezone)
    return overview(settings, ["interview*"], ["offer*"])


@pytest.fixture
def human(tmp_path: Path) -> Path:
    """A definition by which only human clicks count."""
    file = tmp_path / "human.toml"
    file.write_text(HUMAN, encoding="utf-8")
    return file


@pytest.fixture
def loaded(server_url: str) -> Iterator[Database]:
    """A database with scanned applications, computed with every click."""
    with fresh(server_url) as database:
        with session(database.settings()) as connection:
            sample.load(connection, 500, 2_000)
        migrate(database.settings())
        run_all(database.settings())
        yield database


def test_distributions_and_averages_are_those_of_the_view(sampled: Database) -> None:
    found = report(sampled).readings
    for reading in READINGS:
        for row in found[reading]["distribution"]:
            highest = 100 if row["band"] == 90 else row["band"] + 9
            assert [(row["applications"],)] == sampled.execute(
                "select count(*) from application_scores where"
                f" {row['score']}_{reading} between {row['band']} and {highest}"
            )
        for average in found[reading]["scores"]:
            [(mean, median)] = sampled.execute(
                f"select avg(score), percentile_cont(0.5) within group (order by score)"
                f" from (select {average['score']}_{reading} as score from application_scores) as s"
            )
            assert average["mean"] == pytest.approx(float(mean))
            assert average["median"] == median
    assert found["all"]["distribution"] != found["human"]["distribution"]


def test_clicks_and_response_times_of_humans(sampled: Database) -> None:
    found = report(sampled).readings["human"]
    assert [(found["clicks"], found["with_clicks"])] == sampled.execute(
        "select sum(human_clicks), count(*) filter (where human_clicks > 0) from application_scores"
    )
    after = "first_human_click > created_at"
    [(lower, count, before, none)] = sampled.execute(
        "select percentile_cont(0.25) within group (order by first_human_click - created_at)"
        f" filter (where {after}), count(*) filter (where {after}),"
        " count(*) filter (where first_human_click < created_at),"
        " count(*) filter (where first_human_click is null)"
        " from job_applications left join link_click_readings on application_id = id"
    )
    response = found["response"]
    assert (response["after"], response["before"], response["none"]) == (count, before, none)
    assert response["lower_quartile"] is not None
    assert abs(response["lower_quartile"] - lower) <= timedelta(microseconds=1)
    assert sum(row["applications"] for row in found["response_times"]) == count


def test_both_readings_are_the_same_whichever_counts(loaded: Database, human: Path) -> None:
    every = human.with_name("all.toml")
    every.write_text(HUMAN.replace('"human"', '"all"'), encoding="utf-8")
    run_all(loaded.settings(definition_file=str(every)))
    everything = report(loaded)
    run_all(loaded.settings(definition_file=str(human)))
    only_human = report(loaded)
    assert only_human.readings == everything.readings
    assert (everything.definition["count"], only_human.definition["count"]) == ("all", "human")
    for name in ("scores", "distribution", "response", "response_times"):
        assert getattr(everything, name) == everything.readings["all"][name]
        assert getattr(only_human, name) == only_human.readings["human"][name]


def test_another_definition_is_shown_as_a_run_would_publish_it(
    loaded: Database, human: Path
) -> None:
    before, tried = report(loaded), report(loaded, human)
    assert not before.definition["is_other"]
    assert tried.definition["is_other"]
    assert tried.definition["changes"] == [
        'clicks.count was "all", is "human"',
        "clicks.sweep_seconds was 10, is 600",
    ]
    assert tried.readings != before.readings
    run_all(loaded.settings(definition_file=str(human)))
    published = report(loaded)
    assert published.definition["fingerprint"] == tried.definition["fingerprint"]
    passing = {"taken_at", "definition", "totals", "runs", "prediction", "followups", "changes"}
    for name in vars(published).keys() - passing:
        assert getattr(tried, name) == getattr(published, name), name
    assert replace(tried.prediction, changes=[]) == published.prediction
    counted = {"clicks", "with_clicks", "stored", "link_functions", "machine_clicks"}
    for name in counted:
        assert tried.totals[name] == published.totals[name]  # type: ignore[literal-required]


def test_clicks_by_month_and_class(sampled: Database) -> None:
    found = report(sampled).clicks_by_month
    [(by_class,)] = sampled.execute("select clicks_by_class from clickstats_runs")
    for name in CLASSES.categories:
        assert sum(row[name] for row in found) == by_class[name]  # type: ignore[literal-required]
    assert {row["month"]: sum(row[name] for name in CLASSES.categories) for row in found} == dict(  # type: ignore[literal-required]
        sampled.execute(
            "select to_char(clicked_at, 'YYYY-MM'), count(*) from link_clicks"
            " join link_tracking using (tracking_id) where clicked_at is not null group by 1"
        )
    )
    assert [row["month"] for row in found] == sorted(row["month"] for row in found)


ODD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | linkedin
    c    | B           | Company_Website

    link | clicked at
    a    | 2024-03-31 23:30
    b    | 2024-04-02 12:00
    b    | 2024-04-03 12:00
    """
).world


def test_a_month_is_that_of_the_reporting_zone(database: Database) -> None:
    database.load(ODD)
    months = [(row["month"], row["human"]) for row in report(database).clicks_by_month]
    assert months == [("2024-03", 1), ("2024-04", 2)]
    in_berlin = report(database, timezone="Europe/Berlin").clicks_by_month
    assert [(row["month"], row["human"]) for row in in_berlin] == [("2024-04", 3)]


def test_functions_that_differ_only_in_case_or_white_space(
    database: Database, tmp_path: Path
) -> None:
    database.load(ODD)
    run_all(database.settings())
    [found] = report(database).alike
    # linkedin is clicked more often, but LinkedIn is what a rule asks for
    assert found == {
        "name": "LinkedIn",
        "others": ["linkedin"],
        "line": '"LinkedIn" = ["linkedin"]',
    }
    file = tmp_path / "spelled.toml"
    file.write_text(f"[functions]\n{found['line']}\n", encoding="utf-8")
    assert report(database, file).alike == []
    run_all(database.settings(definition_file=str(file)))
    assert report(database).alike == []


def test_news_since_the_last_published_run(database: Database) -> None:
    database.load(ODD)
    assert report(database).outdated is None
    run_all(database.settings())
    assert report(database).outdated == 0
    database.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select tracking_id, clock_timestamp() at time zone 'UTC' from link_tracking"
    )
    assert report(database).outdated == 2


def test_rows_from_before_there_were_readings(database: Database) -> None:
    database.load(ODD)
    run_all(database.settings())
    database.execute("truncate link_click_readings")
    seen = report(database)
    assert seen.totals["without_readings"] == 2
    assert seen.readings["human"] == seen.readings["all"]


def test_only_applications_with_a_human_click_are_to_be_followed_up(database: Database) -> None:
    database.load(ODD)
    database.execute("update link_clicks set user_agent = 'Googlebot/2.1' where tracking_id = 'a'")
    run_all(database.settings())
    [only] = report(database).top
    assert only["application_id"] == str(named("B"))
    assert only["last_human_click"] == datetime(2024, 4, 3, 12)
