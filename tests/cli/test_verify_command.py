"""`clickstats verify` as a user sees it."""

import json
import re

import pytest

from tests.cli.conftest import WORLD
from tests.commands import clickstats
from tests.databases import CopyOf, Database


@pytest.fixture
def published(copy_of: CopyOf) -> Database:
    """Computed in Tokyo's hours."""
    return copy_of(computed)


def computed(database: Database) -> None:
    database.load(WORLD)
    assert clickstats("run", "--all", "--timezone", "Asia/Tokyo", database=database).code == 0


def test_another_zone_than_that_of_the_last_run_is_named(published: Database) -> None:
    answer = clickstats("verify", "--timezone", "UTC", database=published)
    assert answer.code == 6
    assert 'time.reporting was "Asia/Tokyo", is "UTC"' in answer.errors
    assert "leave out --definition and --timezone" in answer.errors


def test_who_is_told_nothing_takes_the_published_one(published: Database) -> None:
    answer = clickstats("verify", database=published)
    assert (answer.code, answer.errors) == (0, "")
    assert "hours in Asia/Tokyo" in answer.text


def test_also_where_it_makes_no_difference(published: Database) -> None:
    answer = clickstats("verify", "--timezone", "Asia/Seoul", database=published)
    assert answer.code == 0
    assert 'time.reporting was "Asia/Tokyo", is "Asia/Seoul"' in " ".join(answer.text.split())


def test_the_same_zone_is_not_worth_a_word(published: Database) -> None:
    answer = clickstats("verify", "--timezone", "Asia/Tokyo", database=published)
    assert (answer.code, answer.errors) == (0, "")
    assert "--timezone" not in answer.text
    printed = clickstats(
        "verify", "--timezone", "Asia/Tokyo", "--format", "json", database=published
    )
    assert json.loads(printed.text)["last_timezone"] == "Asia/Tokyo"


def test_a_click_of_the_future_hides_no_difference(published: Database) -> None:
    """One that came since the last run does: the row is only out of date."""
    [(link, application)] = published.execute(
        "select tracking_id, application_id from link_tracking"
        " where application_id in (select id from job_applications) limit 1"
    )

    def click(when: str) -> None:
        published.execute(
            f"insert into link_clicks (tracking_id, clicked_at) select %s, {when}", (link,)
        )

    def codes() -> list[int]:
        commands = (["verify"], ["run", "--all"])
        return [clickstats(*command, database=published).code for command in commands]

    click("'2090-01-01'")
    assert codes() == [6, 0]
    published.execute(
        "update link_click_analytics set intent_score = 7 where application_id = %s", (application,)
    )
    assert codes() == [6, 0]
    click("clock_timestamp() at time zone 'UTC'")
    answer = clickstats("verify", database=published)
    assert answer.code == 0
    assert "1 has news since" in answer.text


def test_nothing_published_yet(filled: Database) -> None:
    answer = clickstats("verify", database=filled)
    assert answer.code == 6
    assert "run `clickstats run --all`" in answer.errors


@pytest.mark.parametrize("columns", [80, 160])
def test_differences_in_both_tables_fit_the_terminal(published: Database, columns: int) -> None:
    published.execute("update link_click_readings set last_human_click = '2001-02-03 04:05:06.789'")
    published.execute("update link_click_analytics set hours_between_first_last_click = 3")
    answer = clickstats("verify", database=published, COLUMNS=str(columns))
    assert answer.code == 6
    lines = answer.text.splitlines()
    assert max(map(len, lines)) <= columns
    assert re.search(r"^   readings\.last_human_click +2001-02-03", answer.text, re.MULTILINE)
    assert "04:05:06.789" in answer.text
    assert re.search(r"^   hours_between_first_last_click +3\.00", answer.text, re.MULTILINE)


def test_a_row_that_is_missing_is_named_by_its_table(published: Database) -> None:
    published.execute("delete from link_click_readings")
    assert "link_click_readings" in clickstats("verify", database=published).text


def test_text_from_the_data_does_not_steer_the_terminal(published: Database) -> None:
    published.execute(
        "update link_click_analytics set click_sequence = %s where total_click_events = 2",
        (["\x1b[2J"],),
    )
    answer = clickstats("verify", "--timezone", "Asia/Tokyo", database=published)
    assert answer.code == 6
    assert "\x1b" not in answer.text
    assert "x1b[2J" in answer.text


def test_of_very_many_differences_only_the_first_are_shown(sampled: Database) -> None:
    arguments = ("verify", "--timezone", "Asia/Tokyo")
    text = clickstats(*arguments, database=sampled).text
    found = json.loads(clickstats(*arguments, "--format", "json", database=sampled).text)
    assert text.count(" peak_click_hour ") + text.count(" click_days_of_week ") <= 50
    assert len(text.splitlines()) < 120
    assert f"{len(found['differences']) - 50:,} more differences" in text
