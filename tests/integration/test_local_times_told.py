"""Clicks written in local time: through a run, `explain` and `verify`; and the warning that says so
when nobody has said it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from pipeline.answers.status import status
from pipeline.answers.verify import verify
from pipeline.audit import shift
from pipeline.demo import sample
from pipeline.dry_run import dry_run
from pipeline.migrate import migrate
from pipeline.run import run_all, run_named
from tests.commands import clickstats
from tests.databases import Database, fresh
from tests.definitions import written
from tests.drawings import named, world_drawn

# A is clicked 16 ms after it was made, in the winter of Edmonton; of B the click fell into the hour
# that does not exist, of C into the one that happens twice.
EDMONTON = "America/Edmonton"
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-01-15 18:30
    B           | J   | 2026-03-08 09:00
    C           | J   | 2025-11-02 07:00

    link | application | link function
    a    | A           | Resume
    b    | B           | Resume
    c    | C           | Resume

    link | clicked at
    a    | 2026-01-15 11:30:00.016
    b    | 2026-03-08 02:30
    c    | 2025-11-02 01:30
    """
).world
ROWS = """
    select application_id::text, time_to_first_click::text, intent_score
    from link_click_analytics
"""
INSTANTS = """
    alter table link_clicks alter clicked_at type timestamptz
        using clicked_at at time zone 'America/Edmonton'
"""


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


def in_edmonton(folder: Path) -> str:
    return written(folder, f"[time]\nclicks = '{EDMONTON}'")


def spans(database: Database) -> dict[str, tuple[str, int]]:
    names = {str(named(name)): name for name in "ABC"}
    return {names[one]: (span, intent) for one, span, intent in database.execute(ROWS)}


def explained(database: Database, name: str, *arguments: str) -> Any:
    answer = clickstats(
        "explain", str(named(name)), "--format", "json", *arguments, database=database
    )
    assert answer.code == 0, answer.errors
    found = json.loads(answer.text)
    [one] = found if isinstance(found, list) else found["applications"]
    return one


RIGHT = {"A": ("00:00:00.016", 50), "B": ("00:30:00", 50), "C": ("01:30:00", 50)}


def test_taken_for_utc_they_are_hours_away(filled: Database) -> None:
    run_all(filled.settings())
    assert spans(filled)["A"] == ("-06:59:59.984", 0)


@pytest.mark.parametrize("column", ["timestamp", "timestamptz"])
@pytest.mark.parametrize("whole", [True, False], ids=["all", "named"])
def test_by_their_zone_they_are_right(
    filled: Database, tmp_path: Path, column: str, whole: bool
) -> None:
    """A column of instants takes no zone: there the same definition changes nothing."""
    if column == "timestamptz":
        filled.execute(INSTANTS)
    settings = filled.settings(definition_file=in_edmonton(tmp_path))
    if whole:
        run_all(settings)
    else:
        run_named(settings, [str(named(name)) for name in "ABC"])
        run_all(filled.settings(definition_file=in_edmonton(tmp_path)))
    assert spans(filled) == RIGHT
    assert verify(filled.settings()).differences == []
    assert dry_run(filled.settings()).report.updated == 0
    found = explained(filled, "A")
    assert found["stored"]["state"] == "current"
    assert found["clicks"][0]["clicked_at"] == "2026-01-15T18:30:00.016000Z"
    fired = [step["rule"] for step in found["scores"]["intent_score"] if step["points"]]
    assert fired == ["very quick response"]
    # an hour that does not exist is that of before; of one that happens twice, the later
    assert explained(filled, "B")["clicks"][0]["clicked_at"] == "2026-03-08T09:30:00Z"
    assert explained(filled, "C")["clicks"][0]["clicked_at"] == "2025-11-02T08:30:00Z"


def test_applications_in_local_time(filled: Database, tmp_path: Path) -> None:
    """Both written by one server."""
    filled.execute(
        "update job_applications set created_at = created_at at time zone 'UTC'"
        f" at time zone '{EDMONTON}'"
    )
    file = written(tmp_path, f"[time]\nclicks = '{EDMONTON}'\napplications = '{EDMONTON}'")
    run_all(filled.settings(definition_file=file))
    assert {name: row for name, row in spans(filled).items() if name in "AB"} == {
        name: RIGHT[name] for name in "AB"
    }
    assert verify(filled.settings()).differences == []


@pytest.mark.parametrize("zone", [EDMONTON, "Asia/Tokyo"])
def test_status_knows_which_clicks_are_later(filled: Database, tmp_path: Path, zone: str) -> None:
    """West of UTC a click of now looks counted, east of it a counted one looks later."""
    file = written(tmp_path, f'[time]\nclicks = "{zone}"')
    click = f"""
        insert into link_clicks (tracking_id, clicked_at)
        values ('a', clock_timestamp() at time zone '{zone}' - %s::interval)
    """
    filled.execute(click, ["1 hour"])
    run_all(filled.settings(definition_file=file))
    assert status(filled.settings()).outdated == 0
    filled.execute(click, ["0"])
    assert status(filled.settings()).outdated == 1
    filled.execute("delete from job_applications")
    assert status(filled.settings()).outdated == 0


def test_explain_tries_out_another_zone(filled: Database, tmp_path: Path) -> None:
    run_all(filled.settings())
    found = explained(filled, "A", "--definition", in_edmonton(tmp_path))
    assert found["stored"]["state"] == "another definition"
    assert found["metrics"]["hours_to_first_click"] == pytest.approx(0)


# --- the warning ---------------------------------------------------------------------------------

SHIFTED = "update link_clicks set clicked_at = clicked_at at time zone 'UTC' at time zone '{}'"


@pytest.fixture(scope="module")
def with_the_sample(server_url: str) -> Iterator[str]:
    """The template with the made-up data of the demo, whose times are UTC."""
    with fresh(server_url) as template:
        with closing(template.connect()) as own:
            sample.load(own, 1_000, 3_000)
        migrate(template.settings())
        yield template.name


@pytest.fixture
def sampled(server_url: str, with_the_sample: str) -> Iterator[Database]:
    with fresh(server_url, with_the_sample) as sampled:
        yield sampled


def told_of_a_shift(database: Database, **settings: Any) -> list[str]:
    """What a run says of it, and a dry run."""
    [dry, real] = (
        [one for one in report.warnings if "are times local?" in one]
        for report in (
            dry_run(database.settings(**settings)).report,
            run_all(database.settings(**settings)),
        )
    )
    assert dry == real
    return real


@pytest.mark.parametrize("hours", [*permutations([-5, -2, 3])])
def test_the_same_clicks_are_told_of_in_the_same_words(hours: tuple[int, ...]) -> None:
    """In whatever order they come, also where as many lie in one hour as in another."""
    assert "up to 5 hours" in (shift(Counter(dict.fromkeys(hours, 10))) or "")


def test_utc_is_not_worth_a_word(sampled: Database) -> None:
    assert told_of_a_shift(sampled) == []


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/Edmonton", "lie before their application"),
        ("Europe/Berlin", "hardly a first click comes in the first"),
        *(
            pytest.param(*others, marks=pytest.mark.slow)
            for others in (
                ("America/New_York", "lie before their application"),
                ("Asia/Kolkata", "hardly a first click comes in the first"),
                ("Asia/Tokyo", "hardly a first click comes in the first"),
            )
        ),
    ],
)
def test_times_west_and_east_of_utc(
    sampled: Database, tmp_path: Path, zone: str, said: str
) -> None:
    """The setting is named; with it the warning goes."""
    sampled.execute(SHIFTED.format(zone))
    [warning] = told_of_a_shift(sampled)
    assert said in warning
    assert "[time] clicks and applications of the definition" in warning
    file = written(tmp_path, f"[time]\nclicks = '{zone}'")
    assert told_of_a_shift(sampled, definition_file=file) == []


def test_frozen_applications_say_nothing_of_it(sampled: Database, tmp_path: Path) -> None:
    """Their first clicks may be gone, and no run writes them."""
    sampled.execute(SHIFTED.format("Asia/Tokyo"))
    assert told_of_a_shift(sampled)
    freezing = written(tmp_path, "[applications]\nfrozen_after_days = 1")
    assert told_of_a_shift(sampled, definition_file=freezing) == []


def test_few_applications_say_nothing(filled: Database) -> None:
    assert told_of_a_shift(filled) == []


# --- other spellings -----------------------------------------------------------------------------

SPELLED = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-03-03 10:00

    link | application | link function
    a    | A           | LinkedIn
    b    | A           | linkedin
    c    | A           | LinkedIn_

    link | clicked at
    a    | 2026-03-04 10:00
    b    | 2026-03-05 10:00
    c    | 2026-03-06 10:00
    """
).world


def test_spellings_of_one_function(database: Database, tmp_path: Path) -> None:
    """Three link types, worth 20 points more, become one, clicked again and again."""
    database.load(SPELLED)
    database.execute("update link_tracking set link_function = 'LinkedIn ' where tracking_id = 'c'")
    columns = "click_sequence, unique_functions_clicked, engagement_score"
    row = f"select {columns} from link_click_analytics"
    run_all(database.settings())
    assert database.execute(row) == [(["LinkedIn", "linkedin", "LinkedIn "], 3, 10 + 25 + 20)]
    file = written(tmp_path, "[functions]\nLinkedIn = ['linkedin', 'LinkedIn ']")
    run_all(database.settings(definition_file=file))
    assert database.execute(row) == [(["LinkedIn"] * 3, 1, 10 + 25 + 10)]
    assert verify(database.settings()).differences == []
    found = explained(database, "A")
    assert [click["link_function"] for click in found["clicks"]] == ["LinkedIn"] * 3
    run_named(database.settings(), [str(named("A"))])
    assert database.execute(row) == [(["LinkedIn"] * 3, 1, 45)]
