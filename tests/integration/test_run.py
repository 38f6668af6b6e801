"""What `run` does to link_click_analytics, on a real server."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import SchemaError
from pipeline.run import Options, run_all, run_named
from pipeline.run_report import RunReport
from tests.databases import Database
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


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


def rows_of(report: RunReport) -> dict[str, int]:
    """How many rows were inserted, updated and so on; without those that are none."""
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
    """Our indexes and those of others: the owner of the table may drop some and build them
    again."""
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


def test_a_limit_counts_only_rows_that_need_writing(filled: Database) -> None:
    run_all(filled.settings())
    filled.execute("delete from link_clicks")
    anything = Options(limit=1, max_shrink=100)
    assert rows_of(run_all(filled.settings(), anything)) == {
        "updated": 1, "unchanged": 1, "pending": 1
    }  # fmt: skip
    assert stored(filled)[SLOW].total_click_events == 0
    assert stored(filled)[KEEN].total_click_events == 3


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
        "select sum(seq_scan) from pg_stat_user_tables where"
        " relname not in ('clickstats_runs', 'link_click_score_changes')"
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
        ("drop table link_click_analytics cascade", "link_click_analytics"),
        ("alter table link_clicks drop clicked_at", "clicked_at"),
        ("alter table job_applications drop created_at", "created_at"),
        ("alter table link_click_analytics drop intent_score cascade", "intent_score"),
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
