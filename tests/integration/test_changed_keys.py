"""A round where a foreign key cannot be, or somebody has dropped it."""

import pytest

from pipeline.changed import run_changed
from pipeline.dry_run import dry_run
from pipeline.errors import SchemaError
from tests.capturing import MAY_NOT_DELETE, WAITING, A, begun
from tests.commands import clickstats
from tests.databases import Database
from tests.engines import assert_exact, reference, stored

ANEW = """
alter table {0} add constraint {0}_application_id_fkey
foreign key (application_id) references job_applications on delete cascade not valid
"""
NO_KEY = "alter table link_click_analytics drop constraint link_click_analytics_application_id_fkey"


def done_without_keys(database: Database) -> None:
    """As `done`, where no foreign key to job_applications can be."""
    database.execute(
        "drop table link_click_analytics, link_click_readings, link_click_score_changes cascade"
    )
    database.execute("drop table clickstats_migrations, clickstats_runs")
    database.execute("alter table job_applications drop constraint job_applications_pkey cascade")
    assert clickstats("migrate", database=database).code == 0
    begun(database)


def test_rows_of_applications_that_are_gone_go(database: Database) -> None:
    """Also where no foreign key can do it."""
    done_without_keys(database)
    database.execute("delete from job_applications where id = %s", (A,))
    report = run_changed(database.settings())
    assert (report.deleted, stored(database).keys()) == (1, reference(database).keys())
    assert_exact(database)


def test_they_go_where_somebody_has_dropped_the_key(done: Database) -> None:
    done.execute(NO_KEY)
    done.execute("delete from job_applications where id = %s", (A,))
    tried = dry_run(done.settings(), changed=True).report
    report = run_changed(done.settings())
    assert (tried.deleted, report.deleted, report.warnings) == (1, 1, [])
    assert_exact(done)


def test_readings_go_where_somebody_has_dropped_their_key(done: Database) -> None:
    done.execute(NO_KEY.replace("analytics", "readings"))
    done.execute("delete from job_applications where id = %s", (A,))
    assert run_changed(done.settings()).readings_deleted == 1
    assert_exact(done)


def test_readings_go_where_their_key_is_back_and_has_not_looked_at_them(done: Database) -> None:
    """As after a bulk delete without it."""
    done.execute(NO_KEY.replace("analytics", "readings"))
    done.execute("delete from job_applications where id = %s", (A,))
    done.execute(ANEW.format("link_click_readings"))
    assert run_changed(done.settings()).readings_deleted == 1
    assert_exact(done)


def test_a_role_that_may_not_delete_them_loses_no_change(role: str, database: Database) -> None:
    """Where it is what no foreign key can do."""
    done_without_keys(database)
    database.execute(MAY_NOT_DELETE.format(role=role))
    database.execute("delete from job_applications where id = %s", (A,))
    with pytest.raises(SchemaError, match="permission denied for table link_click_analytics"):
        run_changed(database.seen_by(role, role).settings())
    assert database.execute(WAITING) == [(1,)]


def test_a_role_that_may_not_delete_them_is_told(role: str, done: Database) -> None:
    """Where the foreign key should have done it; as by a `run --all`."""
    done.execute(MAY_NOT_DELETE.format(role=role))
    done.execute(NO_KEY)
    run_changed(done.settings())  # everything, since tables were altered
    done.execute("delete from job_applications where id = %s", (A,))
    [warning] = run_changed(done.seen_by(role, role).settings()).warnings
    assert warning.startswith("1 row of link_click_analytics has no application any more")
