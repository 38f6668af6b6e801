"""Rows that a policy hides would be missing from the result without a word: whoever computes or
compares is refused by the server."""

from collections.abc import Callable

import pytest

from pipeline.answers.explain import explain_named
from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.errors import SchemaError
from pipeline.run import run_all, run_named
from pipeline.settings import Settings
from tests.databases import Database
from tests.drawings import world_drawn
from tests.engines import reference, stored

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    b    | A           | Resume

    link | clicked at
    a    | 2024-03-04 10:00
    b    | 2024-03-04 11:00
    """
).world
[APPLICATION] = WORLD.applications
TABLES = ["jobs", "job_applications", "link_tracking", "link_clicks", "link_click_analytics"]
EVERYTHING: dict[str, Callable[[Settings], object]] = {
    "run --all": run_all,
    "run --app-id": lambda settings: run_named(settings, [str(APPLICATION.id)]),
    "dry run": dry_run,
    "verify": verify,
}


@pytest.fixture
def seen(database: Database, role: str) -> Database:
    """The database for a role with all that a run needs."""
    database.load(WORLD)
    database.execute(
        f"grant select on all tables in schema public to {role};"
        f"grant insert, update on link_click_analytics to {role};"
        f"grant insert, update, delete on link_click_readings, link_click_score_changes,"
        f" clickstats_runs to {role}"
    )
    return database.seen_by(role, role)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("policy", ["tracking_id = 'a'", "true"], ids=["some rows", "every row"])
def test_a_policy(database: Database, seen: Database, table: str, policy: str) -> None:
    run_all(seen.settings())
    before = stored(database)
    if table != "link_clicks":
        policy = "true" if policy == "true" else "false"
    database.execute(
        f"alter table {table} enable row level security;"
        f"create policy which on {table} using ({policy})"
    )
    for command in EVERYTHING.values():
        with pytest.raises(SchemaError, match=f'row-level security.*"{table}"'):
            command(seen.settings())
    assert stored(database) == before


@pytest.fixture
def _exempt(database: Database, role: str) -> None:
    database.execute(f"alter role {role} bypassrls")


@pytest.mark.usefixtures("_exempt")
def test_the_cure(database: Database, seen: Database) -> None:
    for table in TABLES:
        database.execute(f"alter table {table} enable row level security")
    run_all(seen.settings())
    assert stored(database) == reference(database) != {}
    [one], _ = explain_named(seen.settings(), [str(APPLICATION.id)])
    assert one.stored.state == "current"
