"""What `run` does to link_click_analytics, on a real server."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pipeline.errors import SchemaError
from pipeline.run import Options, run_all, run_named
from pipeline.run_report import RunReport
from tests.databases import Database, fresh
from tests.drawings import named, world_drawn
from tests.engines import reference, stored
from tests.oracle import Application, Click, Link, World, expected
from tests.strategies import HOSTILE
from tests.waiting import wait_until

KEEN, SLOW, SILENT = named("keen"), named("slow"), named("silent")
WORLD = world_drawn(
    """
    jobs: J, K

    application | job | created at
    keen        | J   | 2024-03-04 09:00
    slow        | K   | 2024-03-01 09:00
    silent      | J   | null

    link | application | link function
    k1   | keen        | LinkedIn
    k2   | keen        | Calendly
    s1   | slow        | Resume
    d1   | deleted     | Resume
    n1   | null        | Resume

    link    | clicked at
    k1      | 2024-03-04 10:00
    k2      | 2024-03-04 10:05
    k1      | 2024-03-05 22:00
    s1      | 2024-03-20 08:00
    # unusable, whatever they belong to
    k1      | null
    k1      | infinity
    d1      | 1969-12-31 23:59
    # unattributed
    d1      | 2024-03-04 10:00
    n1      | 2024-03-04 10:00
    unknown | 2024-03-04 10:00
    null    | 2024-03-04 10:00
    """
).world

STAMPS = "select created_at, updated_at, calculated_at from link_click_analytics"
UNTOUCHED = "select application_id, ctid, xmin, calculated_at from link_click_analytics order by 1"


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


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


def rows_of(report: RunReport) -> dict[str, int]:
    """How many rows had which fate."""
    fates = ("inserted", "updated", "unchanged", "pending", "newer", "gone")
    return {fate: count for fate in fates if (count := getattr(report, fate))}


# --- what is written ---------------------------------------------------------------------------


def test_every_application_has_its_row_and_every_click_is_accounted_for(filled: Database) -> None:
    report = run_all(filled.settings())
    assert stored(filled) == expected(WORLD, "UTC")
    assert report.applications == 3
    assert rows_of(report) == {"inserted": 3}
    assert (report.clicks_read, report.clicks_used) == (11, 4)
    assert (report.clicks_unusable, report.clicks_unattributed) == (3, 4)


def test_nothing_to_do_is_no_error(database: Database) -> None:
    report = run_all(database.settings())
    assert rows_of(report) == {}
    assert report.clicks_read == 0
    assert stored(database) == {}


def test_the_clicks_of_inactive_links_count(filled: Database) -> None:
    filled.execute("update link_tracking set is_active = false")
    run_all(filled.settings())
    assert stored(filled) == expected(WORLD, "UTC")


def test_text_of_any_kind_survives(database: Database) -> None:
    """Commas, quotes, braces, backslashes, newlines, nothing and the word NULL."""
    beginning = datetime(2024, 3, 4, 9)
    world = World(
        jobs=frozenset(),
        applications=(Application(KEEN, None, beginning),),
        links=tuple(Link(f"{text}-", KEEN, text) for text in HOSTILE),
        clicks=tuple(
            Click(f"{text}-", beginning + timedelta(minutes=number))
            for number, text in enumerate(HOSTILE)
        ),
    )
    database.load(world)
    run_all(database.settings())
    assert stored(database)[KEEN].click_sequence == tuple(HOSTILE)
    assert rows_of(run_all(database.settings())) == {"unchanged": 1}


def test_a_hundred_thousand_clicks_on_one_application(filled: Database) -> None:
    filled.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select 'k' || 1 + n % 2, timestamp '2024-03-04 10:00' + n * interval '1 ms'"
        " from generate_series(1, 100000) as n"
    )
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
    assert stored(filled)[KEEN].total_click_events == 100_003


def test_a_large_first_load_leaves_every_index_as_it_was(database: Database) -> None:
    """Ours and those of others: it may drop some and build them again, as their owner."""
    database.execute(
        "insert into job_applications (id, created_at)"
        " select md5(n::text)::uuid, '2024-03-04' from generate_series(1, 12000) as n;"
        "create index mine on link_click_analytics (calculated_at) where intent_score > 50;"
        'create index "Yours" on link_click_analytics using hash (job_id) with (fillfactor = 50);'
        "comment on index idx_analytics_job is 'ours'"
    )
    indexes = (
        "select indexdef, obj_description(quote_ident(indexname)::regclass) from pg_indexes"
        " where tablename = 'link_click_analytics' order by 1"
    )
    before = database.execute(indexes)
    assert run_all(database.settings()).inserted == 12_000
    assert database.execute(indexes) == before
    assert len(before) == 9


@pytest.mark.slow
def test_a_million_clicks_in_a_day_reach_the_highest_velocity(filled: Database) -> None:
    filled.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select 's1', timestamp '2024-03-20 08:00' from generate_series(1, 999999)"
    )
    run_all(filled.settings())
    assert f"{stored(filled)[SLOW].engagement_velocity}" == "999999.9999"
    assert stored(filled) == reference(filled)


# --- the form of an interval -------------------------------------------------------------------


def test_spans_are_stored_as_postgresql_subtracts_timestamps(database: Database) -> None:
    """Over all of the years that are usable, in both directions, to the microsecond."""
    database.execute(
        """
        select setseed(0.5);
        insert into job_applications (id, created_at)
        select md5(n::text)::uuid, timestamp '1970-01-01' + random() * interval '47482 days'
        from generate_series(1, 3000) as n;
        insert into link_tracking (tracking_id, application_id, link_function)
        select id, id, 'Resume' from job_applications;
        insert into link_clicks (tracking_id, clicked_at)
        select tracking_id, timestamp '1970-01-01' + random() * interval '47482 days'
        from link_tracking, generate_series(1, 2)
        """
    )
    run_all(database.settings())
    spans = database.execute(
        """
        select
            array[a.time_to_first_click::text, a.time_between_first_last_click::text],
            array[
                (min(c.clicked_at) - s.created_at)::text,
                (max(c.clicked_at) - min(c.clicked_at))::text
            ]
        from link_click_analytics as a
        join job_applications as s on s.id = a.application_id
        join link_clicks as c on c.tracking_id = s.id::text
        group by a.id, s.id
        """
    )
    assert len(spans) == 3000
    assert [stored for stored, _ in spans] == [subtracted for _, subtracted in spans]
    assert rows_of(run_all(database.settings())) == {"unchanged": 3000}


# --- what changes later ------------------------------------------------------------------------

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


def test_a_run_stamps_what_it_writes_with_the_instant_of_its_snapshot(filled: Database) -> None:
    """In UTC, whatever the session's zone would be; an unchanged row keeps its stamps."""
    filled.execute(f"alter database {filled.name} set timezone = 'Asia/Kolkata'")
    first = run_all(filled.settings()).snapshot_at
    [(now,)] = filled.execute("select clock_timestamp() at time zone 'UTC'")
    assert timedelta() < now - first < timedelta(minutes=1)
    assert set(filled.execute(STAMPS)) == {(first, first, first)}

    filled.execute("delete from link_clicks where tracking_id = 'k2'")
    second = run_all(filled.settings()).snapshot_at
    assert stamps(filled, KEEN) == (first, second, second)
    assert stamps(filled, SLOW) == (first, first, first)


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


# --- --limit -----------------------------------------------------------------------------------


def test_a_limited_run_writes_the_oldest_applications_first(filled: Database) -> None:
    """By created_at, null last, then by id; what is not written is pending."""
    twins = sorted((named("twin 1"), named("twin 2")))
    for twin in reversed(twins):
        filled.execute(
            f"insert into job_applications (id, created_at) values ('{twin}', '2024-03-02')"
        )
    order = [SLOW, *twins, KEEN, SILENT]
    for so_far in range(5):
        report = run_all(filled.settings(), Options(limit=1))
        assert set(stored(filled)) == set(order[: so_far + 1])
        assert rows_of(report) == {
            fate: count
            for fate, count in {
                "inserted": 1, "unchanged": so_far, "pending": 4 - so_far
            }.items()
            if count
        }  # fmt: skip
    assert rows_of(run_all(filled.settings(), Options(limit=1))) == {"unchanged": 5}
    assert stored(filled) == reference(filled)


def test_a_limit_counts_only_rows_that_need_writing(done: Database) -> None:
    done.execute("delete from link_clicks")
    anything = Options(limit=1, max_shrink=100)
    assert rows_of(run_all(done.settings(), anything)) == {
        "updated": 1, "unchanged": 1, "pending": 1
    }  # fmt: skip
    assert stored(done)[SLOW].total_click_events == 0
    assert stored(done)[KEEN].total_click_events == 3


# --- named applications ------------------------------------------------------------------------


def test_named_applications_come_in_the_order_given_and_unknown_ids_apart(
    filled: Database,
) -> None:
    unknown = str(named("nobody"))
    asked = [str(SILENT), unknown, str(KEEN)]
    found, missing = run_named(filled.settings(), asked)
    assert found["application_id"].to_list() == [str(SILENT), str(KEEN)]
    assert missing == [unknown]
    rows = expected(WORLD, "UTC")
    assert stored(filled) == {SILENT: rows[SILENT], KEEN: rows[KEEN]}


def test_only_unknown_ids_write_nothing(filled: Database) -> None:
    found, missing = run_named(filled.settings(), [str(named("nobody"))])
    assert found.is_empty()
    assert missing == [str(named("nobody"))]
    assert stored(filled) == {}


def test_named_applications_are_read_through_the_indexes(database: Database) -> None:
    """A hundred thousand clicks, of which five are read; no sequential scan of anything large."""
    database.execute(
        """
        insert into jobs (id) select md5('job' || n)::uuid from generate_series(1, 1000) as n;
        insert into job_applications (id, job_id, created_at)
        select md5(n::text)::uuid, md5('job' || n % 1000 + 1)::uuid, timestamp '2024-03-04'
        from generate_series(1, 20000) as n;
        insert into link_tracking (tracking_id, application_id, link_function)
        select md5(n::text), md5(n::text)::uuid, 'Resume' from generate_series(1, 20000) as n;
        insert into link_clicks (tracking_id, clicked_at)
        select md5((n % 20000 + 1)::text), timestamp '2024-03-05' + n * interval '1 second'
        from generate_series(1, 100000) as n;
        analyze
        """
    )
    run_all(database.settings())
    [(somebody,)] = database.execute("select id from job_applications limit 1")
    scans, lookups = statistics(database)
    found, _ = run_named(database.settings(), [somebody])
    assert found["total_click_events"].to_list() == [5]
    scans_afterwards, lookups_afterwards = statistics(database)
    assert scans_afterwards == scans
    assert lookups_afterwards > lookups


def statistics(database: Database) -> tuple[int, int]:
    """How often a source table was scanned from end to end, and how often clicks were looked up,
    once the sessions of the runs have ended and said so."""
    wait_until(lambda: database.others() == 0)
    [(scans,)] = database.execute(
        "select sum(seq_scan) from pg_stat_user_tables where relname <> 'clickstats_runs'"
    )
    [(lookups,)] = database.execute(
        "select sum(idx_scan) from pg_stat_user_indexes where relname = 'link_clicks'"
    )
    return scans, lookups


# --- what cannot be run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("drop table link_clicks", "link_clicks"),
        ("drop table link_click_analytics", "link_click_analytics"),
        ("alter table link_clicks drop clicked_at", "clicked_at"),
        ("alter table job_applications drop created_at", "created_at"),
        ("alter table link_click_analytics drop intent_score", "intent_score"),
        (
            "alter table link_clicks alter clicked_at type bigint"
            " using extract(epoch from nullif(clicked_at, 'infinity'))",
            "another type",
        ),
        (
            "alter table link_tracking drop constraint link_tracking_pkey;"
            "insert into link_tracking (tracking_id, application_id, link_function)"
            " select tracking_id, application_id, 'Twin' from link_tracking",
            "tracking_id",
        ),
    ],
)
@pytest.mark.parametrize(
    "run", [run_all, lambda settings: run_named(settings, [str(KEEN)])], ids=["all", "named"]
)
def test_what_is_missing_is_said(
    filled: Database, run: Callable[[Any], object], damage: str, found: str
) -> None:
    filled.execute(damage)
    with pytest.raises(SchemaError, match=found) as error:
        run(filled.settings())
    assert "\n" not in str(error.value)
