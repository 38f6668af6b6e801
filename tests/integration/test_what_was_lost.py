"""Where rows may be stale or missing that no change names, a round computes everything."""

import pytest

from pipeline.capture import turn_on
from pipeline.changed import run_changed
from pipeline.migrate import migrate
from pipeline.run import Options, run_all
from tests.capturing import WORLD
from tests.databases import Database
from tests.engines import assert_exact, reference, stored
from tests.holds import at

RUNS = "select count(*) from clickstats_runs"
LOCKED = """
select relation::regclass::text from pg_locks
where pid <> pg_backend_pid() and relation in (
    'job_applications'::regclass, 'link_click_analytics'::regclass, 'link_click_readings'::regclass
)
"""


@pytest.mark.parametrize(
    "lost",
    [
        "truncate link_click_analytics",
        "truncate link_click_readings",
        "update link_clicks set clicked_at = clicked_at + interval '1 hour';"
        "truncate clickstats_changes",
        "create table old as table link_click_analytics; truncate link_click_analytics;"
        "insert into link_click_analytics table old;"
        "update link_click_analytics set engagement_score = 1",
        "alter table link_clicks disable trigger all;"
        "update link_clicks set clicked_at = clicked_at + interval '1 hour';"
        "alter table link_clicks enable trigger all",
        "create table anew (like link_clicks); drop table link_clicks;"
        "alter table anew rename to link_clicks",
        "alter table link_clicks alter clicked_at type timestamp"
        " using clicked_at + interval '1 hour'",
        "alter table link_clicks drop clicked_at;"
        "alter table link_clicks add clicked_at timestamp default '2026-03-04 12:00'",
    ],
)
def test_everything_is_computed_where_something_was_lost(done: Database, lost: str) -> None:
    """Also in parts, and once; what comes back from a backup brings its triggers along."""
    triggers = done.execute(
        "select string_agg(pg_get_triggerdef(oid), ';') from pg_trigger"
        " where tgrelid = 'link_clicks'::regclass"
    )[0][0]
    done.execute(lost + (f";{triggers}" if "drop table" in lost else ""))
    for _ in range(3):
        run_changed(done.settings(), Options(limit=1, max_shrink=100))
    run_changed(done.settings(), Options(max_shrink=100))
    assert_exact(done)
    runs = done.execute(RUNS)
    run_changed(done.settings())
    assert done.execute(RUNS) == runs


def test_everything_is_computed_by_another_version(
    done: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may compute otherwise than the one that has stored the rows."""
    done.execute("update link_click_analytics set engagement_score = 1")
    run_changed(done.settings())
    monkeypatch.setattr("pipeline.captured.__version__", "9.9.9")
    run_changed(done.settings())
    assert_exact(done)
    runs = done.execute(RUNS)
    run_changed(done.settings())
    assert done.execute(RUNS) == runs


def test_everything_is_computed_where_the_ledger_was_restored(done: Database) -> None:
    """It knows nothing of the run that has stored the rows by another definition."""
    done.execute("create table old as table clickstats_runs")
    run_all(done.settings(timezone="Asia/Tokyo"))
    done.execute(
        "truncate clickstats_runs;"
        "insert into clickstats_runs overriding system value table old;"
        "insert into link_clicks (tracking_id, clicked_at) values ('a', '2026-03-05 10:00')"
    )
    run_changed(done.settings())
    assert_exact(done)


def test_everything_is_computed_where_a_foreign_key_was_off(database: Database) -> None:
    """It stands for a trigger on jobs."""
    database.load(WORLD)
    database.execute(
        "alter table job_applications add foreign key (job_id) references jobs on delete set null"
    )
    turn_on(database.settings())
    run_changed(database.settings())
    database.execute(
        "alter table jobs disable trigger all; delete from jobs;alter table jobs enable trigger all"
    )
    run_changed(database.settings())
    assert stored(database) == reference(database)


def test_everything_is_computed_where_a_foreign_key_of_a_partition_was_off(
    unmigrated: Database,
) -> None:
    unmigrated.execute(
        "drop table jobs; create table jobs (id uuid primary key) partition by hash (id);"
        "create table part partition of jobs for values with (modulus 1, remainder 0)"
    )
    unmigrated.load(WORLD)
    unmigrated.execute(
        "alter table job_applications add foreign key (job_id) references jobs on delete set null"
    )
    migrate(unmigrated.settings())
    turn_on(unmigrated.settings())
    run_changed(unmigrated.settings())
    unmigrated.execute(
        "alter table part disable trigger all; delete from jobs;alter table part enable trigger all"
    )
    run_changed(unmigrated.settings())
    assert stored(unmigrated) == reference(unmigrated)


@pytest.mark.parametrize(
    "altered",
    [
        "alter table link_clicks detach partition early",
        "truncate early",
        "alter table link_clicks attach partition aside"
        " for values from ('2026-03-05') to (maxvalue)",
        "alter type kind rename value 'Resume' to 'Calendly'",
    ],
)
def test_everything_is_computed_where_what_is_read_was_altered(
    unmigrated: Database, altered: str
) -> None:
    unmigrated.execute(
        "create type kind as enum ('LinkedIn', 'Resume');"
        "alter table link_tracking alter link_function type kind using link_function::kind;"
        "drop table link_clicks;"
        "create table link_clicks (tracking_id text, clicked_at timestamp)"
        " partition by range (clicked_at);"
        "create table early partition of link_clicks for values from (minvalue) to ('2026-03-03');"
        "create table late partition of link_clicks"
        " for values from ('2026-03-03') to ('2026-03-05');"
        "create table aside (like link_clicks);"
        "insert into job_applications (id, created_at)"
        " values (md5('A')::uuid, '2026-03-01'), (md5('B')::uuid, '2026-03-01');"
        "insert into link_tracking values"
        " ('a', md5('A')::uuid, 'LinkedIn'), ('b', md5('B')::uuid, 'Resume');"
        "insert into link_clicks values ('a', '2026-03-02'), ('b', '2026-03-04');"
        "insert into aside values ('a', '2026-03-06')"
    )
    migrate(unmigrated.settings())
    turn_on(unmigrated.settings())
    run_changed(unmigrated.settings())
    before = stored(unmigrated)
    unmigrated.execute(altered)
    run_changed(unmigrated.settings(), Options(max_shrink=100))
    assert stored(unmigrated) == reference(unmigrated) != before
    runs = unmigrated.execute(RUNS)
    run_changed(unmigrated.settings())
    assert unmigrated.execute(RUNS) == runs


def test_a_partition_that_takes_all_rows_along(unmigrated: Database) -> None:
    """A TRUNCATE of one to which foreign keys refer takes CASCADE, which empties our tables."""
    unmigrated.execute(
        "drop table job_applications; create table job_applications"
        " (id uuid primary key, job_id uuid, created_at timestamp) partition by hash (id);"
        "create table even partition of job_applications for values with (modulus 2, remainder 0);"
        "create table odd partition of job_applications for values with (modulus 2, remainder 1)"
    )
    migrate(unmigrated.settings())
    turn_on(unmigrated.settings())
    unmigrated.execute(
        "insert into job_applications select md5(n::text)::uuid from generate_series(1, 9) as n"
    )
    run_changed(unmigrated.settings())
    unmigrated.execute("truncate odd cascade")
    assert stored(unmigrated) == {}
    run_changed(unmigrated.settings(), Options(max_shrink=100))
    assert stored(unmigrated) == reference(unmigrated) != {}


def test_the_look_leaves_no_lock(done: Database) -> None:
    """Whoever waits for it would have the readers of the round wait, and the round for ever."""
    done.execute("insert into link_clicks (tracking_id) values ('a')")
    locked: list[object] = []
    run_changed(done.settings(), before=at("gate", lambda: locked.extend(done.execute(LOCKED))))
    assert locked == []
