"""A table is rewritten while it is read: nobody waits for the run, and no row comes out wrong."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from pipeline.answers.changes import changes
from pipeline.answers.explain import explain_named
from pipeline.answers.export import export
from pipeline.answers.followups import followups
from pipeline.answers.overview import overview
from pipeline.answers.status import status
from pipeline.answers.stored_rows import Filters
from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.errors import AuditFailed, Refused
from pipeline.run import run_all, run_named
from pipeline.run_report import Advance
from pipeline.settings import Sizes
from tests.databases import Database
from tests.engines import reference, stored
from tests.holds import HOLDS, held, until_stopped

LARGE = """
insert into jobs (id) select md5('job' || n)::uuid from generate_series(1, 50) as n;
insert into job_applications (id, job_id, created_at)
    select md5('application' || n)::uuid, md5('job' || n % 60)::uuid,
        timestamp '2024-03-01' + n * interval '7 minutes'
    from generate_series(1, 1000) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select 't' || n, md5('application' || n % 1100)::uuid,
        (array['LinkedIn', 'Calendly', 'Resume'])[n % 3 + 1]
    from generate_series(1, 3000) as n;
-- dead rows in front: rewritten, the table is another
insert into link_clicks (tracking_id, clicked_at) select 'x', null from generate_series(1, 6000);
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n * 7919 % 3200, timestamp '2024-03-02' + n * interval '11 minutes'
    from generate_series(1, 6000) as n;
delete from link_clicks where tracking_id = 'x';
"""
MADE_ANEW = """
create table another (like {table});
insert into another select * from {table};
drop table {table};
alter table another rename to {table}
"""
REWRITE = "alter table {table} add column stamp uuid default gen_random_uuid()"
REWRITES = {
    "VACUUM FULL": "vacuum full link_clicks",
    "CLUSTER": "cluster link_clicks using link_clicks_pkey",
    "a column's type": "alter table link_clicks alter click_id type numeric using click_id",
    "a column with a default": REWRITE.format(table="link_clicks"),
    "made anew": MADE_ANEW.format(table="link_clicks"),
    "another table": REWRITE.format(table="link_tracking"),
}


# tables in several parts, and slices of 300 applications
IN_PARTS = Sizes(blocks=8, applications=300)


@pytest.fixture
def large(empty: Database) -> Database:
    empty.execute(LARGE)
    return empty


class Meanwhile:
    """Lets something happen in a phase of a run: at its beginning, or after its first part; each
    time, or only the first."""

    def __init__(
        self, database: Database, phase: str, event: str, *, begun: bool, again: bool = False
    ) -> None:
        self.database, self.phase, self.event = database, phase, event
        self.begun, self.again = begun, again
        self.times = 0

    @contextmanager
    def show(self, phase: str) -> Iterator[Advance]:
        happened = False

        def happen() -> None:
            nonlocal happened
            if not happened and phase == self.phase and (self.again or not self.times):
                happened = True
                self.times += 1
                with closing(self.database.connect()) as own:
                    own.autocommit = True
                    for statement in self.event.split(";"):
                        own.cursor().execute(statement)

        if not self.begun:
            happen()
        yield lambda done, total: happen() if self.begun else None


QUICK = ["VACUUM FULL", "made anew"]
COPY = "?require_auth=scram-sha-256"  # one transaction reads all parts, and holds a lock on them


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event, id=name, marks=[pytest.mark.slow] * (name not in QUICK))
        for name, event in REWRITES.items()
    ],
)
@pytest.mark.parametrize(
    ("option", "begun"),
    [("", False), ("", True), (COPY, False)],
    ids=["before the first part", "between parts", "before the first part, by COPY"],
)
def test_a_source_table(large: Database, event: str, option: str, begun: bool) -> None:
    meanwhile = Meanwhile(large, "read", event, begun=begun)
    through = Database(large.url + option, large.name)
    report = run_all(through.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert (report.clicks_read, report.inserted) == (6000, 1000)
    assert stored(large) == reference(large)


@pytest.mark.parametrize(
    "event",
    [
        "alter table link_click_analytics add column stamp uuid default gen_random_uuid()",
        pytest.param("vacuum full link_click_analytics", marks=pytest.mark.slow),
    ],
)
def test_the_target(large: Database, event: str) -> None:
    run_all(large.settings(sizes=IN_PARTS))
    large.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
    meanwhile = Meanwhile(large, "write", event, begun=False)
    report = run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert (report.inserted, report.updated) == (0, len(reference(large)) - report.unchanged)
    assert stored(large) == reference(large)


def test_truncated(large: Database) -> None:
    """What is there then is what counts, and so little of it is not published."""
    run_all(large.settings(sizes=IN_PARTS))
    before = stored(large)
    meanwhile = Meanwhile(large, "read", "truncate link_clicks", begun=True)
    with pytest.raises(AuditFailed, match="fell from 6,000 to 0"):
        run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert stored(large) == before


@pytest.mark.parametrize(
    "event",
    [
        "alter table clicks detach partition old_clicks",
        "alter table clicks detach partition new_clicks;"
        "alter table clicks attach partition new_clicks for values from ('u') to ('z')",
        "create or replace view link_clicks as select tracking_id, clicked_at from new_clicks",
    ],
    ids=["detached", "attached otherwise", "a view replaced"],
)
def test_what_is_under_a_view(large: Database, event: str) -> None:
    large.execute(
        """
        alter table link_clicks rename to source_clicks;
        create table clicks (tracking_id varchar(100), clicked_at timestamp)
            partition by range (tracking_id);
        create table old_clicks partition of clicks for values from (minvalue) to ('t5');
        create table new_clicks partition of clicks for values from ('t5') to (maxvalue);
        insert into clicks select tracking_id, clicked_at from source_clicks;
        create view link_clicks as select * from clicks
        """
    )
    meanwhile = Meanwhile(large, "read", event, begun=False)
    report = run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert report.applications == 1000
    assert stored(large) == reference(large)


def test_a_partition_is_dropped(large: Database) -> None:
    """As by a program that deletes what is old."""
    large.execute(
        "alter table link_clicks rename to source_clicks;"
        "create table link_clicks (tracking_id varchar(100), clicked_at timestamp)"
        " partition by range (tracking_id);"
        "create table old_clicks partition of link_clicks for values from (minvalue) to ('t1');"
        "create table new_clicks partition of link_clicks for values from ('t1') to (maxvalue);"
        "insert into link_clicks select tracking_id, clicked_at from source_clicks"
    )
    meanwhile = Meanwhile(large, "read", "drop table old_clicks", begun=False)
    run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert stored(large) == reference(large)


SPELLED = "create or replace function spelled(text) returns text immutable language sql as "


@pytest.mark.parametrize("call", ["spelled(tracking_id)", "~~~ tracking_id::text"])
def test_a_function_that_a_view_calls(
    large: Database, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    large.execute(
        f"{SPELLED} 'select $1';"
        "create operator ~~~ (rightarg = text, function = spelled);"
        "alter table link_clicks rename to source_clicks;"
        "create view link_clicks as"
        f" select {call} as tracking_id, clicked_at from source_clicks"
    )
    meanwhile = Meanwhile(large, "read", f"{SPELLED} 'select lower($1)'", begun=False)
    run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert "rewritten while it was read: link_clicks" in caplog.text
    assert stored(large) == reference(large)


def test_a_table_that_a_function_reads(large: Database) -> None:
    """A view does not depend on it, so any table may be the one."""
    large.execute(
        "alter table link_clicks rename to hidden;"
        "create function clicks() returns table (tracking_id varchar, clicked_at timestamp)"
        " stable language sql as 'select tracking_id, clicked_at from hidden';"
        "create view link_clicks as select * from clicks()"
    )
    meanwhile = Meanwhile(large, "read", REWRITE.format(table="hidden"), begun=False)
    report = run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert (report.clicks_read, report.clicks_used > 0) == (6000, True)
    assert stored(large) == reference(large)


def test_a_function_that_a_function_calls(large: Database, aside: ThreadPoolExecutor) -> None:
    """A view does not depend on it, and the catalog does not say who calls it."""
    large.execute(
        f"{SPELLED} 'select $1';"
        "create function folded(text) returns text immutable language plpgsql as"
        " 'begin return spelled($1); end'"
    )
    large.execute(HOLDS)
    large.execute(
        "alter table link_tracking rename to stored_links;"
        "create view link_tracking as select folded(tracking_id) as tracking_id, application_id,"
        " link_function from stored_links;"
        "create or replace view link_clicks as select folded(tracking_id)::varchar(100)"
        " as tracking_id, clicked_at, user_agent, ip_address from stored_clicks"
        " where hold_reading(tracking_id)"
    )
    with held(large, "reading"):
        running = aside.submit(run_all, large.settings())
        until_stopped(large)  # links have been read
        large.execute(f"{SPELLED} 'select upper($1)'")
    assert running.result().clicks_used > 0
    assert stored(large) == reference(large)


@pytest.mark.parametrize("kind", ["kind", "domain_of_kind"])
def test_a_label_of_an_enum(large: Database, kind: str) -> None:
    """To every snapshot it has the new name at once."""
    large.execute(
        "create type kind as enum ('LinkedIn', 'Calendly', 'Resume');"
        "create domain domain_of_kind as kind;"
        f"alter table link_tracking alter link_function type {kind}"
        f" using link_function::kind::{kind}"
    )
    event = "alter type kind rename value 'LinkedIn' to 'Social'"
    meanwhile = Meanwhile(large, "read", event, begun=True)
    run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 1
    assert stored(large) == reference(large)
    functions = "select distinct unnest(click_sequence) from link_click_analytics order by 1"
    assert large.execute(functions) == [("Calendly",), ("Resume",), ("Social",)]


SWAPPED = """
alter table link_clicks rename clicked_at to old_clicked_at;
alter table link_clicks rename new_clicked_at to clicked_at
"""
THERE_AND_BACK = {
    "columns": SWAPPED + ";alter table link_clicks rename clicked_at to new_clicked_at;"
    "alter table link_clicks rename old_clicked_at to clicked_at",
    "tables": "alter table link_clicks rename to a; alter table spare rename to link_clicks;"
    "alter table link_clicks rename to spare; alter table a rename to link_clicks",
    "schemas": "alter schema public rename to a; alter schema a rename to public",
    "children": "alter table child inherit link_clicks; alter table child no inherit link_clicks",
}


def test_a_column_takes_the_place_of_another(large: Database) -> None:
    """To the snapshot it is still empty."""
    large.execute("alter table link_clicks add column new_clicked_at timestamp")
    event = f"update link_clicks set new_clicked_at = clicked_at; {SWAPPED}"
    meanwhile = Meanwhile(large, "read", event, begun=False)
    report = run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert (report.clicks_read, report.clicks_unusable) == (6000, 0)
    assert stored(large) == reference(large)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event, id=name, marks=[pytest.mark.slow] * (name != "tables"))
        for name, event in THERE_AND_BACK.items()
    ],
)
def test_what_was_changed_back_is_noticed_too(
    large: Database, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    large.execute(
        "alter table link_clicks add column new_clicked_at timestamp;"
        "create table spare (like link_clicks); create table child (like link_clicks)"
    )
    meanwhile = Meanwhile(large, "read", event, begun=False)
    run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert "rewritten while it was read" in caplog.text
    assert stored(large) == reference(large)


def test_again_and_again(large: Database) -> None:
    run_all(large.settings(sizes=IN_PARTS))
    large.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
    before = stored(large)
    meanwhile = Meanwhile(large, "read", "vacuum full link_clicks", begun=True, again=True)
    with pytest.raises(Refused, match=r"link_clicks.*nothing was written"):
        run_all(large.settings(sizes=IN_PARTS), show=meanwhile.show)
    assert meanwhile.times == 3
    assert stored(large) == before


def explained(database: Database, application_id: str) -> None:
    [one], _ = explain_named(database.settings(), [application_id])
    assert one.metrics["total_click_events"] > 0


def verified(database: Database, application_id: str) -> None:
    assert not verify(database.settings(), [application_id]).differences


def named(database: Database, application_id: str) -> None:
    rows, _ = run_named(database.settings(), [application_id])
    assert rows["total_click_events"].item() > 0


def tried_out(database: Database, _: str) -> None:
    assert dry_run(database.settings()).report.clicks_read == 320


def reported(database: Database, _: str) -> None:
    assert overview(database.settings()).totals["clicks"] > 0


def until_rewritten(database: Database, table: str, running: Callable[[], "Future[Any]"]) -> Any:
    """What comes of something that waits, with its snapshot, for a table to be rewritten."""
    with closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute(f"lock table {table} in access exclusive mode")
        waiting = running()
        until_stopped(database)
        cursor.execute(f"alter table {table} add column stamp uuid default gen_random_uuid()")
        other.commit()
    return waiting.result()


@pytest.mark.parametrize("answer", [named, explained, verified, tried_out, reported])
def test_who_waits_for_the_rewriting_with_a_snapshot(
    database: Database, aside: ThreadPoolExecutor, answer: Callable[[Database, str], Any]
) -> None:
    """To that snapshot the table is empty."""
    run_all(database.settings())
    [(application_id,)] = database.execute(
        "select application_id::text from link_click_analytics where total_click_events > 3 limit 1"
    )
    until_rewritten(
        database, "stored_clicks", lambda: aside.submit(answer, database, application_id)
    )


def test_a_report_that_waits_for_the_target(database: Database, aside: ThreadPoolExecutor) -> None:
    expected = overview(database.settings(), [], []).totals
    assert expected["stored"] == 30
    found = until_rewritten(
        database,
        "link_click_analytics",
        lambda: aside.submit(overview, database.settings(), [], []),
    )
    assert found.totals == expected


NOW = "now() at time zone 'UTC'"
A_YEAR = timedelta(days=366)


@pytest.fixture
def followed(database: Database) -> Database:
    """One whose clicks are of the last days, so that there is somebody to follow up; some scores
    have changed."""
    database.execute(
        f"update stored_clicks set clicked_at = {NOW} - interval '5 days'"
        " + (clicked_at - '2024-03-05') / 1000"
    )
    run_all(database.settings())
    database.execute(
        "insert into stored_clicks (tracking_id, clicked_at)"
        f" select 't' || n, {NOW} - interval '2 hours' from generate_series(1, 20) as n"
    )
    run_all(database.settings())
    return database


def followups_of(database: Database) -> Any:
    found = followups(database.settings(), A_YEAR, 50)
    return found.count, found.followups, found.newest_human_click


def changes_of(database: Database) -> Any:
    found = changes(database.settings(), A_YEAR, 50)
    return found.count, found.changes


@pytest.mark.parametrize(
    ("answer", "table"),
    [
        (followups_of, "job_applications"),
        (followups_of, "link_click_readings"),
        (followups_of, "stored_clicks"),
        (followups_of, "link_tracking"),
        (followups_of, "jobs"),
        (followups_of, "companies"),
        (followups_of, "link_click_score_changes"),
        (changes_of, "companies"),
    ],
)
def test_what_is_shown_of_whom_to_follow_up(
    followed: Database,
    aside: ThreadPoolExecutor,
    answer: Callable[[Database], Any],
    table: str,
) -> None:
    followed.execute(
        "create table companies (id integer primary key, name text);"
        "insert into companies values (1, 'Acme');"
        "alter table jobs add column job_title text default 'Clerk', "
        "add column company_id integer default 1"
    )
    expected = answer(followed)
    assert expected[0] > 0
    assert until_rewritten(followed, table, lambda: aside.submit(answer, followed)) == expected


def test_a_count_of_later_clicks_that_waits_is_none(
    followed: Database, aside: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.answers.status.CHEAP", "SET LOCAL statement_timeout = '60s'")
    followed.execute(f"insert into stored_clicks (tracking_id, clicked_at) values ('t1', {NOW})")
    assert status(followed.settings()).outdated == 1
    found = until_rewritten(
        followed, "stored_clicks", lambda: aside.submit(status, followed.settings())
    )
    assert found.outdated is None


def test_an_export_that_waits_for_the_target(database: Database, aside: ThreadPoolExecutor) -> None:
    """What it has written cannot be taken back: it does not start over."""
    file = BytesIO()
    with pytest.raises(Refused, match="link_click_analytics"):
        until_rewritten(
            database,
            "link_click_analytics",
            lambda: aside.submit(export, database.settings(), Filters(), file, "csv"),
        )
    assert export(database.settings(), Filters(), BytesIO(), "csv") == (30, 0)
