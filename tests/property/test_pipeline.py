"""Random worlds: the pipeline and the oracle must agree on every value, in memory and through the
real database; and the laws that hold for any world."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.run import Options, run_all, run_named
from pipeline.run_report import RunReport
from schema.columns import READINGS
from tests.databases import Database
from tests.engines import (
    by_pipeline,
    classes_by_oracle,
    classes_by_pipeline,
    expected_rows,
    readings_by_pipeline,
    stored,
)
from tests.oracle import Counts, Definition, World, classes, counts, expected, readings
from tests.strategies import examples, timezones, worlds
from tests.strategies_of_origins import situations
from tests.worlds import load

in_memory = settings(max_examples=examples(30), deadline=None)
law = settings(max_examples=examples(12), deadline=None)
in_the_database = settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # load() starts afresh each time
)

HOWEVER_LITTLE = Options(max_shrink=100)  # one world has less in it than the one before
UNTOUCHED = """
    select application_id, ctid, xmin, calculated_at, updated_at, created_at, id
    from link_click_analytics order by application_id
"""


@in_memory
@given(world=worlds(), timezone=timezones)
def test_every_column_of_every_row(world: World, timezone: str) -> None:
    assert by_pipeline(world, timezone) == expected(world, timezone)


@in_memory
@given(situation=situations())
def test_every_class_and_both_readings(situation: tuple[World, Definition]) -> None:
    world, definition = situation
    assert classes_by_pipeline(world, definition) == classes_by_oracle(world, definition)
    assert readings_by_pipeline(world, definition) == readings(world, definition)
    assert by_pipeline(world, definition) == expected(world, definition)


@law
@given(situation=situations())
def test_the_human_reading_is_that_of_human_clicks_alone(
    situation: tuple[World, Definition],
) -> None:
    """As if every other click was deleted and all that are left counted."""
    world, definition = situation
    human = replace(
        world,
        clicks=tuple(
            click
            for click, its_class in zip(world.clicks, classes(world, definition), strict=True)
            if its_class == "human"
        ),
    )
    of_human = replace(definition, count="human")
    assert by_pipeline(world, of_human) == by_pipeline(human, replace(definition, count="all"))


@law
@given(world=worlds(), timezone=timezones, data=st.data())
def test_the_order_of_rows_does_not_matter(
    world: World, timezone: str, data: st.DataObject
) -> None:
    shuffled = World(
        world.jobs,
        tuple(data.draw(st.permutations(world.applications))),
        tuple(data.draw(st.permutations(world.links))),
        tuple(data.draw(st.permutations(world.clicks))),
    )
    assert by_pipeline(shuffled, timezone) == by_pipeline(world, timezone)


@law
@given(world=worlds(), timezone=timezones)
def test_an_application_never_changes_another(world: World, timezone: str) -> None:
    """Without the first application, whose links then lead nowhere, the others are as with it."""
    assume(world.applications)
    first, *others = world.applications
    without = by_pipeline(replace(world, applications=tuple(others)), timezone)
    rows = by_pipeline(world, timezone)
    del rows[first.id]
    assert without == rows


@in_the_database
@given(world=worlds(), timezone=timezones)
def test_a_run_stores_every_column_of_every_row(
    database: Database, world: World, timezone: str
) -> None:
    database.load(world)
    report = run_all(database.settings(timezone=timezone), HOWEVER_LITTLE)
    assert stored(database) == expected(world, timezone)
    assert clicks_of(report) == counts(world)
    assert rows_of(report) == Counter(inserted=len(world.applications))


@pytest.mark.slow
@in_the_database
@given(world=worlds(), timezone=timezones)
def test_running_twice_equals_running_once(database: Database, world: World, timezone: str) -> None:
    """The second run writes no row."""
    database.load(world)
    run_all(database.settings(timezone=timezone), HOWEVER_LITTLE)
    once = database.execute(UNTOUCHED)
    report = run_all(database.settings(timezone=timezone), HOWEVER_LITTLE)
    assert database.execute(UNTOUCHED) == once
    assert rows_of(report) == Counter(unchanged=len(world.applications))


@pytest.mark.slow
@in_the_database
@given(before=worlds(), after=worlds(), timezone=timezones)
def test_a_run_over_edited_data_equals_one_from_scratch(
    database: Database, before: World, after: World, timezone: str
) -> None:
    """Whatever was added, edited, back-dated or deleted meanwhile."""
    database.load(before)
    run_all(database.settings(timezone=timezone), HOWEVER_LITTLE)
    edit(database, after)
    run_all(database.settings(timezone=timezone), HOWEVER_LITTLE)
    assert stored(database) == expected(after, timezone)


@in_the_database
@given(world=worlds(), timezone=timezones, data=st.data())
def test_named_applications_get_the_very_rows_of_a_whole_run(
    database: Database, world: World, timezone: str, data: st.DataObject
) -> None:
    database.load(world)
    known = [application.id for application in world.applications]
    asked = data.draw(st.lists(st.sampled_from([*known, UUID(int=5)]), min_size=1, unique=True))
    found, unknown = run_named(database.settings(timezone=timezone), [str(one) for one in asked])
    rows, found = expected(world, timezone), found.drop(READINGS)
    assert list(expected_rows(found.iter_rows(named=True)).items()) == [
        (one, rows[one]) for one in asked if one in rows
    ]
    assert unknown == [str(one) for one in asked if one not in rows]
    assert stored(database) == {one: rows[one] for one in asked if one in rows}


def edit(database: Database, world: World) -> None:
    """Puts the world in place of another, and keeps what is stored of applications that stay."""
    with closing(database.connect()) as source, source, source.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")  # no foreign keys
        load(source, world)
        for table in ("link_click_analytics", "link_click_readings"):
            cursor.execute(
                f"delete from {table} where application_id not in (select id from job_applications)"
            )
        cursor.execute(
            "update link_click_analytics set job_id = null"
            " where job_id not in (select id from jobs)"
        )


def clicks_of(report: RunReport) -> Counts:
    return Counts(
        report.clicks_read, report.clicks_used, report.clicks_unusable, report.clicks_unattributed
    )


def rows_of(report: RunReport) -> Counter[str]:
    """How many rows had which fate."""
    fates = ("inserted", "updated", "unchanged", "pending", "newer", "gone")
    return Counter({fate: getattr(report, fate) for fate in fates})
