"""A world in which the reporting zone decides what a row says, computed in Los Angeles."""

import json
from typing import Any

from pipeline.run import run_all
from tests.commands import Answer, clickstats
from tests.databases import Database
from tests.drawings import named, world_drawn

# On a Saturday in UTC; in Los Angeles it is Friday evening.
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-10-30 09:00
    B           | J   | 2026-10-30 09:00

    link | application | link function
    a    | A           | Resume
    b    | B           | linkedin

    link | clicked at
    a    | 2026-10-31 01:30
    b    | 2026-10-31 01:30
    """
).world
A, B = str(named("A")), str(named("B"))
LOS_ANGELES, TOKYO, DENVER = "America/Los_Angeles", "Asia/Tokyo", "America/Denver"
UNTOUCHED = """
    select application_id, xmin::text, ctid, calculated_at from link_click_analytics
    union all select application_id, xmin::text, ctid, calculated_at from link_click_readings
    order by 1, 2
"""
DAYS = "select distinct click_days_of_week from link_click_analytics"
FRIDAY, SATURDAY = [([5],)], [([6],)]


def computed(database: Database) -> None:
    """Publish a run in Los Angeles."""
    database.load(WORLD)
    run_all(database.settings(timezone=LOS_ANGELES))


def json_of(answer: Answer) -> Any:
    assert answer.code == 0, answer.errors
    return json.loads(answer.text)


def reporting(database: Database, *arguments: str, **environment: str) -> tuple[str, str]:
    """The reporting zone in force, and where it comes from."""
    command = ("definition", "--format", "json", *arguments)
    found = json_of(clickstats(*command, database=database, **environment))
    return found["definition"]["time"]["reporting"], found["sources"]["time.reporting"]
