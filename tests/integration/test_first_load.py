"""A first load is copied straight into the tables: the same rows as by the other way."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.run import run_all, run_named
from pipeline.run_report import Advance, RunReport, no_advance
from pipeline.settings import Sizes
from tests.databases import LEAST, Database
from tests.engines import assert_exact
from tests.holds import at

LARGE, NEVER = Sizes(first_load=1), Sizes(first_load=10**9)
COUNT = 1_200  # applications
APPLICATION = "md5('application7')::uuid"
WORLD = rf"""
insert into jobs (id) select md5('job' || n)::uuid from generate_series(1, 50) as n;
insert into job_applications (id, job_id, created_at)
    select md5('application' || n)::uuid,
        case when n % 5 > 0 then md5('job' || n % 60)::uuid end,
        case when n % 17 > 0 then timestamp '2024-03-01' + n * interval '7 minutes' end
    from generate_series(1, {COUNT}) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select 't' || n, md5('application' || n % {COUNT + 50})::uuid,
        (array['LinkedIn', 'Calendly', 'Curriculum, "vitae"', 'Git\Hub', ''])[n % 5 + 1]
    from generate_series(1, 3 * {COUNT}) as n;
insert into link_clicks (tracking_id, clicked_at, user_agent)
    select 't' || n * 7919 % 4000,
        timestamp '2024-03-02' + n % 500 * interval '41 minutes' + n % 3 * interval '4.000001 s',
        case when n % 50 = 0 then 'curl/8' end
    from generate_series(1, 6000) as n;
"""
VALUES = """
select (to_jsonb(a) - '{id,calculated_at,created_at,updated_at}'::text[])::text,
    time_to_first_click::text, time_between_first_last_click::text, click_sequence::text
from link_click_analytics as a order by application_id
"""
READINGS = "select (to_jsonb(r) - 'calculated_at')::text from link_click_readings as r order by 1"
IDS_AND_TIMES = """
select count(*), count(distinct id), min(substr(id::text, 15, 1)), max(substr(id::text, 15, 1)),
    count(*) filter (where created_at = calculated_at and updated_at = calculated_at)
from link_click_analytics
"""
INSTANTS = """
select calculated_at from link_click_analytics union select calculated_at from link_click_readings
"""

FREE = "select count(*) from (select from job_applications for update skip locked) as free"


@pytest.fixture
def unloaded(database: Database, caplog: pytest.LogCaptureFixture) -> Database:
    caplog.set_level(logging.DEBUG, "clickstats")
    database.execute("truncate jobs, job_applications, link_tracking, link_clicks cascade")
    database.execute(WORLD)
    return database


def ways(caplog: pytest.LogCaptureFixture) -> set[str]:
    return set(re.findall("rows (staged|copied)", caplog.text))


def first_load(database: Database, sizes: Sizes) -> RunReport:
    report = run_all(database.settings(sizes=sizes))
    assert report.inserted == COUNT
    assert_exact(database)
    return report


def test_both_ways_store_the_same(unloaded: Database, caplog: pytest.LogCaptureFixture) -> None:
    found = []
    for sizes, way in ((NEVER, "staged"), (LARGE, "copied")):
        unloaded.execute("truncate link_click_analytics, link_click_readings")
        caplog.clear()
        report = first_load(unloaded, sizes)
        assert ways(caplog) == {way}
        found.append((unloaded.execute(VALUES), unloaded.execute(READINGS)))
        assert report.readings_written == len(found[-1][1])
        assert unloaded.execute(IDS_AND_TIMES) == [(COUNT, COUNT, "4", "4", COUNT)]
        assert unloaded.execute(INSTANTS) == [(report.snapshot_at,)]
        again = run_all(unloaded.settings(sizes=sizes))
        assert (again.written, again.readings_written, again.readings_deleted) == (0, 0, 0)
    assert found[0] == found[1]
    spans = [span for _, *spans, _ in found[0][0] for span in spans if span]
    assert {("day" in span, "-" in span) for span in spans} == {
        (days, negative) for days in (True, False) for negative in (True, False)
    }


@pytest.mark.parametrize(
    "privileges", [LEAST, LEAST + "grant update (id) on job_applications to {role}"]
)
def test_applications_are_locked_before_the_keys_ask_for_them(
    unloaded: Database, role: str, privileges: str
) -> None:
    """Where that takes no further privilege."""
    unloaded.execute(privileges.format(role=role))
    sizes = Sizes(first_load=1, applications=COUNT // 4)
    free: list[object] = []

    def look(done: int, total: int) -> None:
        if done == total:  # the last slice is made, the one before it may be under way
            free.extend(unloaded.execute(FREE))

    @contextmanager
    def show(phase: str) -> Iterator[Advance]:
        yield look if phase == "write" else no_advance

    run_all(unloaded.seen_by(role, role).settings(sizes=sizes), show=show)
    assert_exact(unloaded)
    assert (free == [(0,)]) == (privileges != LEAST)


MEANWHILE = {
    "an application goes": f"delete from job_applications where id = {APPLICATION}",
    "a job goes": "delete from jobs where id = md5('job1')::uuid",
    "a row comes": f"""
        insert into link_click_analytics (application_id, calculated_at)
        values ({APPLICATION}, null)""",
    "readings come": f"""
        insert into link_click_readings
        values ({APPLICATION}, 0, 0, 0, 0, null, null, 0, 0, 0, 0, 0, now())""",
}


@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE)
def test_what_comes_between(
    unloaded: Database, caplog: pytest.LogCaptureFixture, meanwhile: str
) -> None:
    """What is in the way is found, and the run takes the other way."""
    settings = unloaded.settings(sizes=LARGE)
    run_all(settings, before=at("write", lambda: unloaded.execute(meanwhile)))
    assert_exact(unloaded)
    assert "staged" in ways(caplog)


def test_readings_that_come_of_an_application_without_clicks(unloaded: Database) -> None:
    """Nothing of ours is in their way."""
    unloaded.execute("delete from link_clicks where tracking_id in ('t7', 't1257', 't2507')")
    readings = MEANWHILE["readings come"]
    report = run_all(
        unloaded.settings(sizes=LARGE), before=at("write", lambda: unloaded.execute(readings))
    )
    assert report.readings_deleted == 1
    assert_exact(unloaded)


def test_a_newer_row_stays(unloaded: Database) -> None:
    run_all(unloaded.settings())
    unloaded.execute("truncate link_click_analytics, link_click_readings")
    [(key,)] = unloaded.execute(f"select {APPLICATION}::text")

    def confirm() -> None:
        unloaded.execute("delete from link_clicks where tracking_id = 't7'")
        run_named(unloaded.settings(), [key])

    report = run_all(unloaded.settings(sizes=LARGE), before=at("write", confirm))
    assert (report.newer, report.inserted) == (1, COUNT - 1)
    assert_exact(unloaded)


OTHER_FORMS = {
    "times with a zone": "alter table link_click_analytics alter created_at type timestamptz",
    "dates": "alter table link_click_analytics alter updated_at type date",
    "ids as text": "alter table link_click_analytics alter id type text",
    "wider numbers": "alter table link_click_analytics alter intent_score type bigint",
    "numbers of the same width": "alter table link_click_readings alter human_clicks type real",
    "a domain": """
        create domain score as integer;
        alter table link_click_analytics alter intent_score type score""",
    "a trigger": """
        create function stamp() returns trigger language plpgsql as $$ begin
            new.updated_at := now(); return new; end $$;
        create trigger stamp before insert on link_click_analytics
            for each row execute function stamp()""",
}


@pytest.mark.parametrize("change", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_tables_of_another_form(
    unloaded: Database, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    unloaded.execute(f"drop view application_scores; {change}")
    first_load(unloaded, LARGE)
    assert ways(caplog) == {"staged"}


def test_a_column_more(unloaded: Database, caplog: pytest.LogCaptureFixture) -> None:
    unloaded.execute("alter table link_click_analytics add note text not null default 'new'")
    first_load(unloaded, LARGE)
    assert ways(caplog) == {"copied"}
    assert unloaded.execute("select distinct note from link_click_analytics") == [("new",)]
