"""Random worlds and definitions through the real database: both tables, and what a run says of
them, are those of the oracle, by every way to get there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.run import Options, run_all, run_named
from pipeline.run_report import RunReport
from tests.databases import Database, fresh
from tests.definitions import printed
from tests.engines import stored, stored_readings
from tests.oracle import Definition, World, counts, counts_by_class, expected, readings
from tests.property.test_pipeline import HOWEVER_LITTLE, UNTOUCHED, clicks_of, edit, rows_of
from tests.strategies import examples
from tests.strategies_of_origins import definitions, situations

Situation = tuple[World, Definition]

in_the_database = settings(
    max_examples=examples(2),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # load() starts afresh each time
)
UNTOUCHED_READINGS = UNTOUCHED.replace("analytics", "readings").replace(
    "updated_at, created_at, id", "human_rules"
)
PREDICTED = (
    "applications", "inserted", "updated", "unchanged", "pending", "frozen", "deleted",
    "clicks_read", "clicks_used", "clicks_unusable", "clicks_by_class",
    "readings_written", "readings_deleted", "with_fewer_clicks", "timezone", "fingerprint",
)  # fmt: skip


def untouched(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(UNTOUCHED) + database.execute(UNTOUCHED_READINGS)


def assert_right(database: Database, world: World, definition: Definition) -> None:
    assert stored(database) == expected(world, definition)
    assert stored_readings(database) == readings(world, definition)


def tried_and_run(database: Database, file: str, options: Options = HOWEVER_LITTLE) -> RunReport:
    """The report of a run, which the dry run has predicted."""
    tried = dry_run(database.settings(definition_file=file), options).report
    done = run_all(database.settings(definition_file=file), options)
    assert predicted(tried) == predicted(done)
    return done


def predicted(report: RunReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in PREDICTED}


@in_the_database
@given(situation=situations())
def test_a_run_stores_both_readings(
    database: Database, tmp_path: Path, situation: Situation
) -> None:
    """And `verify` finds them right. The next run, which is told nothing, writes nothing."""
    world, definition = situation
    database.load(world)
    report = tried_and_run(database, printed(tmp_path, definition))
    assert_right(database, world, definition)
    assert clicks_of(report) == counts(world, definition)
    assert +Counter(report.clicks_by_class) == counts_by_class(world, definition)
    assert report.readings_written == len(readings(world, definition))
    assert verify(database.settings()).differences == []

    once = untouched(database)
    again = run_all(database.settings(), HOWEVER_LITTLE)
    assert untouched(database) == once
    assert rows_of(again) == Counter(unchanged=len(world.applications))
    assert (again.readings_written, again.readings_deleted) == (0, 0)
    assert again.fingerprint == report.fingerprint


@pytest.fixture(scope="module")
def of_instants(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """Times with a zone; what is inserted without one is UTC."""
    with fresh(server_url, with_all_tables) as database:
        database.execute(
            f"alter database {database.name} set timezone = 'UTC';"
            "alter table link_clicks alter clicked_at type timestamptz;"
            "alter table job_applications alter created_at type timestamptz"
        )
        yield database


@in_the_database
@given(situation=situations())
def test_instants_take_no_zone(of_instants: Database, tmp_path: Path, situation: Situation) -> None:
    """Whatever the definition says of times without one."""
    world, definition = situation
    of_instants.load(world)
    tried_and_run(of_instants, printed(tmp_path, definition))
    assert_right(of_instants, world, replace(definition, clicks="UTC", applications="UTC"))
    assert verify(of_instants.settings()).differences == []


@pytest.mark.slow
@in_the_database
@given(before=situations(), after=situations(), full=st.booleans())
def test_a_run_over_edited_data_by_another_definition_equals_one_from_scratch(
    database: Database, tmp_path: Path, before: Situation, after: Situation, full: bool
) -> None:
    database.load(before[0])
    run_all(database.settings(definition_file=printed(tmp_path, before[1])), HOWEVER_LITTLE)
    world, definition = after
    edit(database, world)
    options = replace(HOWEVER_LITTLE, full=full)
    tried_and_run(database, printed(tmp_path, definition), options)
    assert_right(database, world, definition)


@in_the_database
@given(situation=situations(), seconds=st.integers(0, 60))
def test_a_change_of_classes_alone_writes_readings_alone(
    database: Database, tmp_path: Path, situation: Situation, seconds: int
) -> None:
    """As long as all clicks count."""
    world, definition = situation
    definition = replace(definition, count="all")
    other = replace(definition, sweep_seconds=seconds)
    database.load(world)
    run_all(database.settings(definition_file=printed(tmp_path, definition)), HOWEVER_LITTLE)
    rows = database.execute(UNTOUCHED)
    report = tried_and_run(database, printed(tmp_path, other))
    assert database.execute(UNTOUCHED) == rows
    old, new = readings(world, definition), readings(world, other)
    assert report.readings_written == sum(old[one] != new[one] for one in new)
    assert_right(database, world, other)


@in_the_database
@given(situation=situations())
def test_a_full_run_writes_every_row_of_both_tables(
    database: Database, tmp_path: Path, situation: Situation
) -> None:
    world, definition = situation
    database.load(world)
    file = printed(tmp_path, definition)
    run_all(database.settings(definition_file=file), HOWEVER_LITTLE)
    before = untouched(database)
    report = tried_and_run(database, file, replace(HOWEVER_LITTLE, full=True))
    assert report.readings_written == len(readings(world, definition))
    assert not set(before) & set(untouched(database))
    assert_right(database, world, definition)


@pytest.mark.slow
@in_the_database
@given(before=situations(), after=situations())
def test_limited_runs_come_to_the_same_end(
    database: Database, tmp_path: Path, before: Situation, after: Situation
) -> None:
    """After each of them an application has both its rows of before, or both of after."""
    world, definition = after
    file = printed(tmp_path, definition)
    database.load(before[0])
    run_all(database.settings(definition_file=file), HOWEVER_LITTLE)
    edit(database, world)
    old, pending = (stored(database), stored_readings(database)), 1
    new = (expected(world, definition), readings(world, definition))
    for _ in range(5):
        pending = tried_and_run(database, file, replace(HOWEVER_LITTLE, limit=1)).pending
        rows, of_clicks = stored(database), stored_readings(database)
        for one in expected(world, definition):
            beside = rows.get(one), of_clicks.get(one)
            assert beside in [tuple(table.get(one) for table in tables) for tables in (old, new)]
    assert pending == 0
    assert_right(database, world, definition)


@in_the_database
@given(situation=situations(), others=definitions, data=st.data())
def test_named_applications_get_the_very_rows_of_a_whole_run(
    database: Database,
    tmp_path: Path,
    situation: Situation,
    others: Definition,
    data: st.DataObject,
) -> None:
    """Over whatever was stored of them by another definition."""
    world, definition = situation
    database.load(world)
    database.execute("truncate clickstats_runs")
    asked = data.draw(
        st.lists(st.sampled_from([one.id for one in world.applications]), min_size=1, unique=True)
    )
    for each in (others, definition):
        file = printed(tmp_path, each)
        run_named(database.settings(definition_file=file), [str(one) for one in asked])
    of_clicks = readings(world, definition)
    assert stored_readings(database) == {one: of_clicks[one] for one in asked if one in of_clicks}
    rows = expected(world, definition)
    assert stored(database) == {one: rows[one] for one in asked}
