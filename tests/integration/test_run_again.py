"""What a second run does: it picks up whatever has changed, writes nothing else, and stamps what it
writes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from pipeline.run import Options, run_all, run_named
from tests.databases import Database, fresh
from tests.drawings import named
from tests.engines import reference, stored
from tests.integration.test_run import KEEN, SILENT, SLOW, WORLD, rows_of
from tests.oracle import expected

STAMPS = "select created_at, updated_at, calculated_at from link_click_analytics"
UNTOUCHED = "select application_id, ctid, xmin, calculated_at from link_click_analytics order by 1"


@pytest.fixture(scope="module")
def with_a_run(server_url: str, with_all_tables: str) -> Iterator[str]:
    """The template of a first run's result."""
    with fresh(server_url, with_all_tables) as template:
        template.load(WORLD)
        run_all(template.settings())
        yield template.name


@pytest.fixture
def done(server_url: str, with_a_run: str) -> Iterator[Database]:
    """After a first run."""
    with fresh(server_url, with_a_run) as done:
        yield done


EDITS = {
    "a late click": (
        "insert into link_clicks (tracking_id, clicked_at) values ('s1', '2024-06-01')",
        {"updated": 1, "unchanged": 2},
    ),
    "a back-dated click": (
        "insert into link_clicks (tracking_id, clicked_at) values ('k2', '2024-03-04 09:00:01')",
        {"updated": 1, "unchanged": 2},
    ),
    "a click of long ago for an application without": (
        "insert into link_tracking (tracking_id, application_id, link_function)"
        f" values ('new', '{SILENT}', 'Resume');"
        "insert into link_clicks (tracking_id, clicked_at) values ('new', '1999-01-01')",
        {"updated": 1, "unchanged": 2},
    ),
    "an edited click": (
        "update link_clicks set clicked_at = '2024-03-04 10:00:00.000001'"
        " where clicked_at = '2024-03-04 10:00' and tracking_id = 'k1'",
        {"updated": 1, "unchanged": 2},
    ),
    "a click that gets its time": (
        "update link_clicks set clicked_at = '2024-03-04 10:00'"
        " where clicked_at is null and tracking_id = 'k1'",
        {"updated": 1, "unchanged": 2},
    ),
    "a deleted click": (
        "delete from link_clicks where tracking_id = 'k2'",
        {"updated": 1, "unchanged": 2},
    ),
    "the last click deleted": (
        "delete from link_clicks where tracking_id = 's1'",
        {"updated": 1, "unchanged": 2},
    ),
    "a deleted link": (
        "delete from link_tracking where tracking_id = 'k1'",
        {"updated": 1, "unchanged": 2},
    ),
    "a link that moves to another application": (
        f"update link_tracking set application_id = '{SILENT}' where tracking_id = 'k1'",
        {"updated": 2, "unchanged": 1},
    ),
    "a link with another function": (
        "update link_tracking set link_function = 'linkedin' where tracking_id = 'k1'",
        {"updated": 1, "unchanged": 2},
    ),
    "an application with another beginning": (
        f"update job_applications set created_at = null where id = '{KEEN}'",
        {"updated": 1, "unchanged": 2},
    ),
    "an application with another job": (
        f"update job_applications set job_id = '{named('K')}' where id = '{KEEN}'",
        {"updated": 1, "unchanged": 2},
    ),
    "an application deleted": (
        f"delete from job_applications where id = '{SLOW}'",
        {"unchanged": 2},
    ),
    "an application added, for which clicks were waiting": (
        "insert into job_applications (id, created_at)"
        f" values ('{named('deleted')}', '2024-03-04')",
        {"inserted": 1, "unchanged": 3},
    ),
    "a job deleted": (f"delete from jobs where id = '{named('J')}'", {"unchanged": 3}),
    "a job added": (
        f"delete from jobs where id = '{named('J')}';insert into jobs (id) values ('{named('J')}')",
        {"updated": 2, "unchanged": 1},
    ),
    "an application's status": (
        "update job_applications set application_status = 'offer'",
        {"unchanged": 3},
    ),
}


@pytest.mark.parametrize(("edit", "rows"), EDITS.values(), ids=EDITS.keys())
def test_the_next_run_picks_up(done: Database, edit: str, rows: dict[str, int]) -> None:
    """As if computed from scratch, and only the rows that differ are written."""
    untouched = set(done.execute(UNTOUCHED))
    done.execute(edit)
    report = run_all(done.settings())
    assert stored(done) == reference(done)
    assert rows_of(report) == rows
    survivors = done.execute(UNTOUCHED)
    written = rows.get("updated", 0) + rows.get("inserted", 0)
    deleted_jobs = 2 if "delete from jobs" in edit and not written else 0  # nulled by the key
    assert len(set(survivors) - untouched) == written + deleted_jobs


def test_another_time_zone_rewrites_what_it_changes(done: Database) -> None:
    report = run_all(done.settings(timezone="Asia/Kolkata"))
    assert stored(done) == reference(done, "Asia/Kolkata")
    assert rows_of(report) == {"updated": 2, "unchanged": 1}


# --- created_at, updated_at, calculated_at -----------------------------------------------------


def stamps(database: Database, application_id: UUID) -> tuple[datetime, ...]:
    [row] = database.execute(f"{STAMPS} where application_id = %s", (str(application_id),))
    return row


def test_a_run_stamps_what_it_writes_with_the_instant_of_its_snapshot(database: Database) -> None:
    """In UTC, whatever the session's zone would be; an unchanged row keeps its stamps."""
    database.load(WORLD)
    database.execute(f"alter database {database.name} set timezone = 'Asia/Kolkata'")
    first = run_all(database.settings()).snapshot_at
    [(now,)] = database.execute("select clock_timestamp() at time zone 'UTC'")
    assert timedelta() < now - first < timedelta(minutes=1)
    assert set(database.execute(STAMPS)) == {(first, first, first)}

    database.execute("delete from link_clicks where tracking_id = 'k2'")
    second = run_all(database.settings()).snapshot_at
    assert stamps(database, KEEN) == (first, second, second)
    assert stamps(database, SLOW) == (first, first, first)


def test_a_full_run_rewrites_every_row_and_confirms_it(done: Database) -> None:
    """updated_at stays where no value changes."""
    first, _, _ = stamps(done, KEEN)
    before = done.execute(UNTOUCHED)
    report = run_all(done.settings(), Options(full=True))
    assert rows_of(report) == {"updated": 3}
    assert set(done.execute(STAMPS)) == {(first, first, report.snapshot_at)}
    assert set(done.execute(UNTOUCHED)).isdisjoint(before)
    assert stored(done) == expected(WORLD, "UTC")


def test_a_named_run_confirms_the_row_it_names_and_no_other(done: Database) -> None:
    first, _, _ = stamps(done, KEEN)
    run_named(done.settings(), [str(KEEN)])
    created, updated, calculated = stamps(done, KEEN)
    assert (created, updated) == (first, first)
    assert calculated > first
    assert stamps(done, SLOW) == (first, first, first)


def test_a_named_run_updates_what_has_changed(done: Database) -> None:
    first, _, _ = stamps(done, KEEN)
    done.execute("delete from link_clicks where tracking_id in ('k2', 's1')")
    run_named(done.settings(), [str(KEEN)])
    created, updated, calculated = stamps(done, KEEN)
    assert created == first < updated == calculated
    assert stored(done)[KEEN] == reference(done)[KEEN]
    assert stored(done)[SLOW] != reference(done)[SLOW]
