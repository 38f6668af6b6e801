"""Two applications with a link each, and what capture has noted of them."""

from pipeline.capture import turn_on
from pipeline.changed import run_changed
from tests.databases import LEAST, Database
from tests.drawings import named, world_drawn
from tests.oracle_world import World

WORLD = world_drawn(
    """
    jobs: J, K

    application | job | created at
    A           | J   | 2026-03-03 10:00
    B           | J   | 2026-03-03 10:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Calendly
    none | null        | Resume

    link | clicked at
    a    | 2026-03-03 11:00
    b    | 2026-03-04 11:00
    """
).world
A, B, C, J, K, L = (str(named(name)) for name in "ABCJKL")
CLICK = "insert into link_clicks (tracking_id, clicked_at) values (%s, '2026-03-06 12:00')"
WAITING = "select count(*) from clickstats_changes"
MAY_NOT_DELETE = LEAST + "grant select, delete on clickstats_changes to {role};"
NOTED = """
    select coalesce(tracking_id, application_id::text, job_id::text, 'everything')
    from clickstats_changes order by 1
"""


def noted(database: Database) -> list[str]:
    return [name for (name,) in database.execute(NOTED)]


def begun(database: Database, world: World = WORLD) -> Database:
    """Capture is on, and everything that it told of is done."""
    database.load(world)
    turn_on(database.settings())
    run_changed(database.settings())
    return database
