"""Stored rows whose application was deleted without the foreign key: replication fires no keys, nor
does a session that has switched them off. `run --all` deletes them, or warns of them."""

from collections.abc import Iterator

import pytest

from pipeline.dry_run import dry_run
from pipeline.run import Options, run_all, run_named
from pipeline.settings import Sizes
from tests.databases import Database, fresh
from tests.engines import assert_exact, reference_readings, stored, stored_readings
from tests.holds import at

FIRST, LAST = "order by id limit 1", "order by id desc limit 1"
MIDDLE = "order by id limit 2 offset 10"
GRANTS = """
    grant usage on schema public to {role};
    grant select on all tables in schema public to {role};
    grant insert, update on link_click_analytics to {role};
    grant insert, update, delete on link_click_readings, clickstats_runs to {role};
    grant insert, delete on link_click_score_changes to {role};
"""


@pytest.fixture(scope="module")
def with_two_runs(server_url: str, with_a_run: str) -> Iterator[str]:
    with fresh(server_url, with_a_run) as template:
        run_all(template.settings())
        yield template.name


@pytest.fixture
def computed(server_url: str, with_two_runs: str) -> Iterator[Database]:
    with fresh(server_url, with_two_runs) as computed:
        yield computed


def deleted_by_replication(database: Database, which: str) -> None:
    database.execute(
        "set session_replication_role = replica;"
        f"delete from job_applications where id in (select id from job_applications {which})"
    )


@pytest.mark.parametrize(
    ("which", "count"),
    [(FIRST, 1), (MIDDLE, 2), (LAST, 1), ("", 40)],
    ids=["the first", "in between", "the last", "all"],
)
@pytest.mark.parametrize(
    "per_slice",
    [pytest.param(50_000, id="one slice", marks=pytest.mark.slow), pytest.param(7, id="several")],
)
def test_rows_without_their_application_are_deleted(
    computed: Database, which: str, count: int, per_slice: int
) -> None:
    sizes = Sizes(applications=per_slice)
    deleted_by_replication(computed, which)
    options = Options(max_shrink=100)
    readings = len(stored_readings(computed))
    tried = dry_run(computed.settings(sizes=sizes), options).report
    done = run_all(computed.settings(sizes=sizes), options)
    assert tried.deleted == done.deleted == count
    assert tried.readings_deleted == done.readings_deleted
    assert done.readings_deleted == readings - len(stored_readings(computed)) > 0
    assert_exact(computed)
    assert run_all(computed.settings(sizes=sizes)).deleted == 0


def test_they_are_deleted_beside_other_changes(computed: Database) -> None:
    deleted_by_replication(computed, MIDDLE)
    computed.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
    report = run_all(computed.settings())
    assert (report.deleted, report.updated > 0) == (2, True)
    assert_exact(computed)


def test_a_role_that_may_not_delete_is_told(role: str, computed: Database) -> None:
    computed.execute(GRANTS.format(role=role))
    deleted_by_replication(computed, MIDDLE)
    report = run_all(computed.seen_by(role, role).settings())
    assert report.deleted == 0
    assert report.warnings[-1].startswith("2 rows of link_click_analytics have no application")
    [(warnings,)] = computed.execute(
        "select warnings from clickstats_runs where outcome = 'published'"
        " order by number desc limit 1"
    )
    assert warnings == report.warnings


def test_named_runs_delete_nothing(computed: Database) -> None:
    [(one,), (other,)] = computed.execute(
        "select id::text from job_applications order by id limit 2"
    )
    deleted_by_replication(computed, FIRST)
    assert run_named(computed.settings(), [one, other])[1] == [one]
    assert len(stored(computed)) == 40


NO_KEY = "alter table link_click_readings drop constraint link_click_readings_application_id_fkey;"
LOST = {
    "their key was dropped": f"{NO_KEY} delete from job_applications where id in (select id from"
    f" job_applications {MIDDLE})",
    "no key fired, and the rows were deleted by hand": "set session_replication_role = replica;"
    f"delete from job_applications where id in (select id from job_applications {MIDDLE});"
    "delete from link_click_analytics"
    " where application_id not in (select id from job_applications)",
}


@pytest.mark.parametrize("how", LOST)
def test_readings_without_application_and_row_are_deleted(
    role: str, computed: Database, how: str
) -> None:
    """By a role that may delete readings, and no rows of link_click_analytics."""
    computed.execute(GRANTS.format(role=role))
    computed.execute(LOST[how])
    assert len(stored_readings(computed)) > len(reference_readings(computed))
    of_role = computed.seen_by(role, role)
    tried = dry_run(of_role.settings()).report
    done = run_all(of_role.settings())
    assert tried.readings_deleted == done.readings_deleted > 0
    assert (tried.deleted, done.deleted) == (0, 0)
    assert_exact(computed)


def test_readings_whose_key_was_dropped_go_with_an_application(computed: Database) -> None:
    """Also where it goes while the run computes, after a click."""
    computed.execute(NO_KEY)
    which = "select application_id from link_click_readings order by application_id"
    computed.execute(
        "update link_clicks set clicked_at = clicked_at + interval '1 hour' where tracking_id in"
        f" (select tracking_id from link_tracking where application_id in ({which} limit 3))"
    )
    delete = f"delete from job_applications where id in ({which} limit 1)"
    run_all(computed.settings(), before=at("write", lambda: computed.execute(delete)))
    assert_exact(computed)
