"""The ways to compute a world's rows, each from the same world to the same answer, so that a test
can hold one against another."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import polars as pl
from crawleruseragents import is_crawler
from psycopg2.extensions import connection

from pipeline.networks import in_both_forms
from schema.columns import ANALYTICS
from schema.sql import reference as reference_sql
from tests import oracle
from tests.databases import Database
from tests.in_memory import computed
from tests.oracle import (
    Definition,
    Expected,
    Reading,
    World,
    classes,
    definition_of,
    microseconds,
    usable,
)
from tests.worlds import load

Rows = dict[UUID, Expected]
Readings = dict[UUID, Reading]
Classified = Counter[tuple[object, ...]]  # application, tracking id, instant, function, class

IN_UTC = "set local timezone to 'UTC';"
COLUMNS = [field.name for field in fields(Expected)]
STORED = f"select {', '.join(COLUMNS)} from link_click_analytics where application_id is not null"

STORED_READINGS = (
    f"select {', '.join(field.name for field in fields(Reading))} from link_click_readings"
)


def by_pipeline(world: World, definition: Definition | str) -> Rows:
    """By the expressions of the pipeline, without a database."""
    rows, _ = computed(world, definition_of(definition))
    return expected_rows(rows.select(*ANALYTICS).iter_rows(named=True))


def classes_by_pipeline(world: World, definition: Definition) -> Classified:
    """The used clicks with their classes, by the pipeline, without a database."""
    _, clicks = computed(world, definition)
    ids = [application.id for application in world.applications]
    columns = ("application", "tracking_id", "clicked_at", "link_function", "class")
    return Counter(
        (ids[application], *others) for application, *others in clicks.select(columns).iter_rows()
    )


def readings_by_pipeline(world: World, definition: Definition) -> Readings:
    """The rows of link_click_readings, by the pipeline, without a database."""
    rows, _ = computed(world, definition)
    of_clicks = rows.filter(pl.col("human_clicks").is_not_null())
    return {
        UUID(row["application_id"]): Reading(
            UUID(row["application_id"]), *(row[field.name] for field in fields(Reading)[1:])
        )
        for row in of_clicks.iter_rows(named=True)
    }


def by_reference(
    source: connection, world: World, definition: Definition | str, views: str = ""
) -> Rows:
    """By reference.sql, over a database that holds just this world, which is then undone."""
    statement = reference_sql.rows(definition_of(definition).count)
    return named_rows(over(source, world, statement, parameters(definition, world), views))


@dataclass(frozen=True)
class EngineOfOrigins:
    """A way to compute what a definition makes of a world: the rows of the reading that counts, the
    class of each used click, and the rows of both readings."""

    rows: Callable[[World, Definition], Rows]
    classes: Callable[[World, Definition], Classified]
    readings: Callable[[World, Definition], Readings]


def oracle_engine() -> EngineOfOrigins:
    return EngineOfOrigins(oracle.expected, classes_by_oracle, oracle.readings)


def pipeline_engine() -> EngineOfOrigins:
    return EngineOfOrigins(by_pipeline, classes_by_pipeline, readings_by_pipeline)


def reference_engine(source: connection) -> EngineOfOrigins:
    return EngineOfOrigins(
        partial(by_reference, source),
        partial(classes_by_reference, source),
        partial(readings_by_reference, source),
    )


def classes_by_oracle(world: World, definition: Definition) -> Classified:
    """The used clicks with their classes, by the oracle."""
    links = {link.tracking_id: link for link in world.links}
    return Counter(
        (
            (link := links[click.tracking_id]).application_id,
            link.tracking_id,
            usable(click.clicked_at, definition.clicks),
            definition.spelled(link.link_function),
            its_class,
        )
        for click, its_class in zip(world.clicks, classes(world, definition), strict=True)
        if click.tracking_id and its_class
    )


def classes_by_reference(
    source: connection, world: World, definition: Definition, views: str = ""
) -> Classified:
    """The same, by reference_classes.sql."""
    found = over(source, world, reference_sql.classes(), parameters(definition, world), views)
    return Counter((UUID(application), *others) for application, *others in found)


def readings_by_reference(
    source: connection, world: World, definition: Definition, views: str = ""
) -> Readings:
    """The rows of link_click_readings, by reference_readings.sql."""
    asked = parameters(definition, world)
    return named_readings(over(source, world, reference_sql.readings(), asked, views))


def over(
    source: connection,
    world: World,
    statement: str,
    parameters: Mapping[str, object],
    views: str = "",
) -> list[tuple[Any, ...]]:
    """The statement's rows over a database that holds just this world, which is then undone, with
    views in place of its tables."""
    try:
        load(source, world)
        with source.cursor() as cursor:
            cursor.execute(IN_UTC + views)
            cursor.execute(statement, parameters)
            return cursor.fetchall()
    finally:
        source.rollback()


def parameters(definition: Definition | str, world: World | None = None) -> dict[str, object]:
    """Those of the reference; the world is asked only for its user agents."""
    definition = definition_of(definition)
    agents = {click.user_agent for click in world.clicks if click.user_agent} if world else set()
    spellings = [(other, name) for name, others in definition.functions.items() for other in others]
    return {
        "timezone": definition.reporting,
        "clicks_zone": definition.clicks,
        "applications_zone": definition.applications,
        "spellings": [other for other, _ in spellings],
        "names": [name for _, name in spellings],
        "trap_functions": list(definition.trap_functions),
        "machine_networks": in_both_forms(definition.machine_networks),
        "own_networks": in_both_forms(definition.own_networks),
        "declared_agents": sorted(filter(is_crawler, agents)),
        "sweep_links": definition.sweep_links,
        "sweep_seconds": definition.sweep_seconds,
        "repeat_seconds": definition.repeat_seconds,
        "application_ids": [],
    }


def reference(database: Database, definition: Definition | str = "UTC") -> Rows:
    """What link_click_analytics should hold, by reference.sql."""
    definition = definition_of(definition)
    if definition.count == "all":  # link_clicks may have no user agents
        return named_rows(database.execute(IN_UTC + reference_sql.rows(), parameters(definition)))
    statement = IN_UTC + reference_sql.rows(definition.count)
    return named_rows(database.execute(statement, asked_of(database, definition)))


def stored(database: Database) -> Rows:
    """What link_click_analytics holds for applications."""
    return named_rows(database.execute(STORED))


def reference_readings(database: Database, definition: Definition | str = "UTC") -> Readings:
    """What link_click_readings should hold, by reference_readings.sql."""
    statement = IN_UTC + reference_sql.readings()
    return named_readings(database.execute(statement, asked_of(database, definition)))


def asked_of(database: Database, definition: Definition | str) -> dict[str, object]:
    """The parameters of the reference, with the user agents of what the database holds."""
    agents = database.execute('select distinct user_agent collate "C" from link_clicks')
    declared = [agent for (agent,) in agents if agent is not None and is_crawler(agent)]
    return parameters(definition) | {"declared_agents": declared}


def stored_readings(database: Database) -> Readings:
    """What link_click_readings holds."""
    return named_readings(database.execute(STORED_READINGS))


def assert_exact(database: Database, definition: Definition | str = "UTC") -> None:
    """Both tables hold what they should."""
    assert stored(database) == reference(database, definition)
    assert stored_readings(database) == reference_readings(database, definition)


def named_readings(found: list[tuple[Any, ...]]) -> Readings:
    """Rows with the columns of the oracle, by application."""
    readings = [Reading(UUID(application), *others) for application, *others in found]
    assert len({reading.application_id for reading in readings}) == len(readings)
    return {reading.application_id: reading for reading in readings}


def named_rows(found: list[tuple[Any, ...]]) -> Rows:
    """Rows with the columns of the oracle, by application."""
    rows = expected_rows(dict(zip(COLUMNS, row, strict=True)) for row in found)
    assert len(rows) == len(found)
    return rows


def expected_rows(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """Rows of Polars or psycopg2 as the oracle writes them."""
    expected = [
        Expected(**{name: plain(name, value) for name, value in row.items()}) for row in rows
    ]
    return {row.application_id: row for row in expected}


def plain(name: str, value: Any) -> Any:
    if isinstance(value, timedelta):
        return microseconds(value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and name in {"application_id", "job_id"}:
        return UUID(value)
    return value
