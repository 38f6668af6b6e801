"""What a run tells about classes, readings and frozen applications: in its report, the ledger, the
metrics file and `status`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.run import run_all
from tests.commands import clickstats
from tests.databases import Database
from tests.definitions import written
from tests.drawings import named, world_drawn

# A scanner opens three links of A at once; of B a person clicks one, twice.
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-03-03 10:00
    B           | J   | 2026-03-03 10:00
    C           | J   | 2026-03-03 10:00

    link | application | link function
    a1   | A           | LinkedIn
    a2   | A           | Calendly
    a3   | A           | Resume
    b    | B           | LinkedIn

    link | clicked at
    a1   | 2026-03-03 10:00:12
    a2   | 2026-03-03 10:00:12
    a3   | 2026-03-03 10:00:12
    b    | 2026-03-03 12:00
    b    | 2026-03-03 12:00:01
    """
).world
CLASSES = {"trap": 0, "declared": 0, "network": 0, "own": 0, "sweep": 3, "repeat": 1, "human": 1}


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


def told(database: Database, *arguments: str) -> Any:
    answer = clickstats(*arguments, "--format", "json", database=database)
    assert answer.code == 0, answer.errors
    return json.loads(answer.text)


def samples(file: Path) -> dict[str, float]:
    """The metrics of a file, without those of time."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_classes_and_readings_are_counted_everywhere(filled: Database, tmp_path: Path) -> None:
    file = tmp_path / "clickstats.prom"
    report = told(filled, "run", "--all", "--metrics-file", str(file))
    assert report["clicks_by_class"] == CLASSES
    assert (report["readings_written"], report["readings_deleted"], report["frozen"]) == (2, 0, 0)

    ledger = filled.execute(
        "select clicks_by_class, readings_written, readings_deleted, frozen, fingerprint"
        " from clickstats_runs"
    )
    assert ledger == [(CLASSES, 2, 0, 0, report["fingerprint"])]

    found = samples(file)
    for its_class, clicks in CLASSES.items():
        assert found[f'clickstats_clicks_used{{class="{its_class}"}}'] == clicks
    assert found["clickstats_readings_written"] == 2
    assert found["clickstats_readings_deleted"] == 0
    assert found["clickstats_frozen"] == 0

    status = told(filled, "status")
    for run in (status["last_published"], *status["runs"]):
        assert run["clicks_by_class"] == CLASSES
        assert (run["readings_written"], run["frozen"]) == (2, 0)
        assert run["fingerprint"] == report["fingerprint"]


def test_frozen_applications_and_deleted_readings_are_counted(
    filled: Database, tmp_path: Path
) -> None:
    run_all(filled.settings())
    filled.execute("delete from link_clicks where tracking_id = 'b'")
    told(filled, "run", "--all")
    file = tmp_path / "clickstats.prom"
    told(filled, "status", "--metrics-file", str(file))
    assert samples(file)["clickstats_readings_deleted"] == 1
    freezing = written(tmp_path, "[applications]\nfrozen_after_days = 3")
    told(filled, "run", "--all", "--definition", freezing, "--metrics-file", str(file))
    assert samples(file)["clickstats_frozen"] == 3


def test_a_run_from_before_definitions(filled: Database, tmp_path: Path) -> None:
    """Its ledger row knows nothing of them."""
    run_all(filled.settings(timezone="Asia/Tokyo"))
    filled.execute(
        "update clickstats_runs set definition = null, fingerprint = null,"
        " clicks_by_class = null, frozen = null, readings_written = null, readings_deleted = null"
    )
    file = tmp_path / "clickstats.prom"
    status = told(filled, "status", "--metrics-file", str(file))
    assert status["definition"]["time"]["reporting"] == "Asia/Tokyo"
    assert not [name for name in samples(file) if "clicks_used" in name or "frozen" in name]
    text = clickstats("status", database=filled).text
    assert 'Definition from before definitions: time.reporting is "Asia/Tokyo".' in text


def test_status_says_which_definition_is_published(filled: Database, tmp_path: Path) -> None:
    assert told(filled, "status")["definition"] is None
    assert "Definition" not in clickstats("status", database=filled).text
    run_all(filled.settings())
    assert re.search(
        r"Definition [0-9a-f]{12}: the built-in one\.", clickstats("status", database=filled).text
    )
    file = written(tmp_path, "[time]\nreporting = 'Asia/Tokyo'\n[clicks]\nsweep_links = 4")
    fingerprint = run_all(filled.settings(definition_file=file)).fingerprint
    assert told(filled, "status")["definition"]["clicks"]["sweep_links"] == 4
    said = " ".join(clickstats("status", database=filled).text.split())
    assert (
        f'Definition {fingerprint}: time.reporting is "Asia/Tokyo"; clicks.sweep_links is 4.'
        in said
    )


def test_machine_clicks_that_decide_are_worth_a_warning(filled: Database, tmp_path: Path) -> None:
    """How many applications, and how many points they would lose; not where only human ones
    count."""
    report = told(filled, "run", "--all")
    [(points, without)] = filled.execute(
        "select engagement_score_all + intent_score_all,"
        " engagement_score_human + intent_score_human"
        " from link_click_readings where application_id = %s",
        (str(named("A")),),
    )
    assert without == 0
    [warning] = [one for one in report["warnings"] if "machine clicks" in one]
    assert warning == (
        f"machine clicks decide the scores of 1 application, which would lose {points} points "
        'without them: see application_scores, or [clicks] count = "human"'
    )
    human = written(tmp_path, "[clicks]\ncount = 'human'")
    report = told(filled, "run", "--all", "--definition", human)
    assert not [one for one in report["warnings"] if "machine clicks" in one]


def test_what_repeats_decide_machine_clicks_do_not(filled: Database) -> None:
    """Two double clicks, and a program that comes by when they have decided all: without it as much
    is lost as is said, nothing."""
    filled.execute("delete from link_clicks")
    clicks = {"12:00": None, "12:00:05": None, "15:00": None, "15:00:05": None, "19:00": "curl/8"}
    for time, agent in clicks.items():
        filled.execute(
            "insert into link_clicks (tracking_id, clicked_at, user_agent)"
            " select min(tracking_id), %s::timestamp, %s from link_tracking"
            " where application_id = %s",
            (f"2024-03-06 {time}", agent, str(named("A"))),
        )
    scores = "select engagement_score_all, intent_score_all from link_click_readings"
    report = told(filled, "run", "--all", "--max-shrink", "100")
    classes = report["clicks_by_class"]
    assert classes | {"human": 2, "repeat": 2, "declared": 1} == classes
    said = filled.execute(scores)
    filled.execute("delete from link_clicks where user_agent is not null")
    told(filled, "run", "--all")
    assert filled.execute(scores) == said
    assert not [one for one in report["warnings"] if "machine clicks" in one]


def test_people_see_the_classes(filled: Database) -> None:
    text = clickstats("run", "--all", database=filled).text
    for what, how_many in {"sweep": 3, "human": 1, "repeat": 1, "readings written": 2}.items():
        assert re.search(rf"^ +{what} +{how_many}\b", text, re.MULTILINE), text
    assert "declared" not in text  # there is none
    assert "readings deleted" not in text
