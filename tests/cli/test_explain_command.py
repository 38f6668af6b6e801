"""`clickstats explain` as a user sees it."""

import re
from pathlib import Path

import pytest

from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import named, world_drawn

UNKNOWN = "00000000-0000-0000-0000-000000000000"
KEEN = str(named("keen"))
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    keen        | J   | 2024-03-04 09:00

    link | application | link function
    a    | keen        | LinkedIn
    b    | keen        | [bold]x[/]
    c    | keen        | Calendly

    link | clicked at
    a    | 2024-03-04 09:30
    b    | 2024-03-05 09:30
    c    | 2024-03-09 09:30
    """
).world


@pytest.fixture
def drawn(database: Database) -> Database:
    database.load(WORLD)
    database.execute(
        "update link_tracking set link_function = E'\\x1b[31m' where link_function = 'Calendly'"
    )
    return database


def test_text(drawn: Database) -> None:
    answer = clickstats("explain", KEEN, "--timezone", "Europe/Berlin", database=drawn)
    assert answer.code == 0, answer.errors
    lines = [" ".join(line.split()) for line in answer.text.splitlines()]
    assert f"Application {KEEN}" in lines
    assert "stored row: missing; `clickstats run` writes it" in lines
    assert "Mon 2024-03-04 10:30:00 LinkedIn 00:30:00 human" in lines
    assert "+25 LinkedIn viewed a click on LinkedIn: 1 of 3 clicks" in lines
    assert "-5 cap at most 100 points: the rules add up to 105" in lines
    assert "100 engagement_score" in lines
    assert "· Calendly clicked a click on Calendly: 0 of 3 clicks" in lines


def test_clicks_that_are_not_human(drawn: Database) -> None:
    drawn.execute(
        "insert into link_clicks (tracking_id, clicked_at, user_agent, ip_address)"
        " select tracking_id, '2024-03-04 09:00:12', 'Mozilla/5.0', '192.0.2.77'"
        " from link_tracking"
    )
    assert clickstats("run", "--all", database=drawn).code == 0
    answer = clickstats("explain", KEEN, database=drawn, COLUMNS="120")
    lines = [" ".join(line.split()) for line in answer.text.splitlines()]
    assert "Mon 2024-03-04 09:00:12 LinkedIn 00:00:12 sweep" in lines
    assert "sweep 3 3 links at the same moment: \\x1b[31m, LinkedIn, [bold]x[/]" in lines
    assert "Mozilla/5.0 3 192.0.2.77" in lines
    assert "all clicks 100 85" in lines
    assert "human clicks 100 50" in lines
    private = clickstats("explain", KEEN, "--private", database=drawn).text
    assert "sweep" in private
    assert not re.search(r"Mozilla|192\.0\.2", private)


def test_another_zone_or_definition_is_not_out_of_date(drawn: Database, tmp_path: Path) -> None:
    assert clickstats("run", "--all", database=drawn).code == 0
    zone = clickstats("explain", KEEN, "--timezone", "Asia/Tokyo", database=drawn).text
    assert "stored row: as published" in zone
    assert "by another zone than that of the last published run" in zone
    assert 'time.reporting was "UTC", is "Asia/Tokyo"' in zone
    file = tmp_path / "spelled.toml"
    file.write_text('functions.Calendly = ["LinkedIn"]\n', encoding="utf-8")
    other = clickstats("explain", KEEN, "--definition", str(file), database=drawn).text
    assert "stored row: as published" in other
    assert "by another definition than that of the last published run" in other


def test_names_in_the_data_neither_style_nor_steer_the_terminal(drawn: Database) -> None:
    answer = clickstats("explain", KEEN, database=drawn, FORCE_COLOR="1")
    assert "[bold]x[/]" in answer.text
    assert "\x1b[31m" not in answer.text
    assert "\\x1b[31m" in answer.text


@pytest.mark.parametrize("written", [KEEN.upper(), KEEN.replace("-", ""), f"{{{KEEN}}}"])
def test_ids_in_other_forms_and_twice(drawn: Database, written: str) -> None:
    answer = clickstats("explain", written, KEEN, database=drawn)
    assert answer.code == 0
    assert answer.text.count(f"Application {KEEN}") == 1


def test_an_unknown_id_is_exit_4_and_the_others_are_explained(drawn: Database) -> None:
    answer = clickstats("explain", UNKNOWN, KEEN, database=drawn)
    assert answer.code == 4
    assert f"Application {KEEN}" in answer.text
    assert re.fullmatch(f"clickstats: no such application: {UNKNOWN}; .*1 .*\n", answer.errors)


def test_a_malformed_id_is_exit_2_and_nothing_is_done(drawn: Database) -> None:
    answer = clickstats("explain", KEEN, "nonsense", database=drawn)
    assert (answer.code, answer.output) == (2, b"")
    assert "'nonsense' is not an application id" in answer.errors


def test_a_row_that_is_out_of_date(drawn: Database) -> None:
    assert clickstats("run", "--app-id", KEEN, database=drawn).code == 0
    assert "stored row: up to date" in clickstats("explain", KEEN, database=drawn).text
    drawn.execute("update link_click_analytics set intent_score = 1")
    text = clickstats("explain", KEEN, database=drawn).text
    assert "stored row: out of date" in text
    assert re.search(r"intent_score +1 +50", text)


def test_a_long_timeline_is_shortened(drawn: Database) -> None:
    drawn.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select tracking_id, timestamp '2024-04-01' + at * interval '1 minute'"
        " from link_tracking, generate_series(1, 1000) as at where link_function = 'LinkedIn'"
    )
    text = " ".join(clickstats("explain", KEEN, database=drawn).text.split())
    assert "⋮ 963 more" in text
    assert "… (1,003 in all)" in text


@pytest.mark.parametrize("columns", [80, 160])
def test_lines_are_no_wider_than_the_terminal(drawn: Database, columns: int) -> None:
    text = clickstats("explain", KEEN, database=drawn, COLUMNS=str(columns)).text
    assert max(map(len, text.splitlines())) <= 160
