"""Rows that another program has left in link_click_analytics: what is wrong is put right, what is
right in another form is left alone, and what belongs to no application is nobody's business."""

from uuid import UUID

import pytest

from pipeline.run import Options, run_all, run_named
from tests.databases import Database
from tests.engines import reference, stored

# for each column, what a row may hold there that no run would ever write, as SQL
WRONG = [
    ("job_id", "null"),
    ("job_id", "'00000000-0000-0000-0000-00000000000b'"),
    ("time_to_first_click", "null"),
    ("time_to_first_click", "'1 year 2 mons 3 days 04:05:06.789'"),
    ("time_to_first_click", "'-1 years +360 days'"),
    ("time_to_first_click", "'389 days 23:59:59.999999'"),
    ("time_to_first_click", "'178956970 years 7 mons 2147483647 days 2562047788:00:54.775807'"),
    ("time_to_first_click", "'-178956970 years -8 mons -2147483647 days -2562047788:00:54.775807'"),
    ("time_between_first_last_click", "null"),
    ("time_between_first_last_click", "'-00:00:00.000001'"),
    ("hours_to_first_click", "null"),
    ("hours_to_first_click", "'NaN'"),
    ("hours_to_first_click", "-0.01"),
    ("hours_to_first_click", "99999999.99"),
    ("hours_between_first_last_click", "'NaN'"),
    ("click_sequence", "null"),
    ("click_sequence", "'{}'"),
    ("click_sequence", "'{NULL}'"),
    ("click_sequence", "'{\"NULL\",Resume}'"),
    ("click_sequence", "'{{Resume},{Resume}}'"),
    ("click_sequence", "'[0:1]={Resume,Resume}'"),
    ("click_sequence", "'[-2:-2][7:8]={{Resume,Resume}}'"),
    ("click_sequence", "'{resume,Resume}'"),
    ("click_sequence", "'{\"Resume,Resume\"}'"),
    ("unique_functions_clicked", "null"),
    ("unique_functions_clicked", "-1"),
    ("total_click_events", "null"),
    ("total_click_events", "2147483647"),
    ("total_click_events", "-2147483648"),
    ("peak_click_hour", "null"),
    ("peak_click_hour", "23"),
    ("click_days_of_week", "null"),
    ("click_days_of_week", "'{NULL}'"),
    ("click_days_of_week", "'{3,3}'"),
    ("click_days_of_week", "'{{3}}'"),
    ("click_days_of_week", "'[0:0]={3}'"),
    ("click_days_of_week", "'{9999}'"),
    ("engagement_velocity", "null"),
    ("engagement_velocity", "'NaN'"),
    ("engagement_velocity", "999999.9999"),
    ("engagement_score", "null"),
    ("engagement_score", "0"),
    ("intent_score", "100"),
]
# since PostgreSQL 17
ENDLESS = [
    ("time_to_first_click", "'infinity'"),
    ("time_to_first_click", "'-infinity'"),
    ("time_between_first_last_click", "'infinity'"),
]
# other forms of what a run writes, 390 days and 1 day 12:00; a month has 30 days to PostgreSQL
SAME = [
    ("time_to_first_click", "'1 year 1 mon'"),
    ("time_to_first_click", "'9360:00:00'"),
    ("time_to_first_click", "'389 days 24:00:00'"),
    ("time_to_first_click", "'2 years -11 mons'"),
    ("time_to_first_click", "'14 mons -30 days'"),
    ("time_between_first_last_click", "'36:00:00'"),
    ("time_between_first_last_click", "'2 days -12:00:00'"),
    ("created_at", "null"),
    ("updated_at", "'infinity'"),
    ("calculated_at", "null"),
    ("calculated_at", "'-infinity'"),
    ("id", "'00000000-0000-0000-0000-000000000000'"),
]
ROWS = "select application_id, ctid, xmin from link_click_analytics order by 1"


def applications(database: Database, count: int) -> list[UUID]:
    """So many applications that are all alike, each with its row."""
    database.execute(
        """
        insert into jobs (id) values ('00000000-0000-0000-0000-00000000000a'),
            ('00000000-0000-0000-0000-00000000000b');
        insert into job_applications (id, job_id, created_at)
        select md5(n::text)::uuid, '00000000-0000-0000-0000-00000000000a', '2023-01-06 12:00'
        from generate_series(1, %(count)s) as n;
        insert into link_tracking (tracking_id, application_id, link_function)
        select id, id, 'Resume' from job_applications;
        insert into link_clicks (tracking_id, clicked_at)
        select tracking_id, clicked_at from link_tracking, unnest(
            array[timestamp '2024-01-31 12:00', timestamp '2024-02-02 00:00']
        ) as clicked_at
        """,
        {"count": count},
    )
    run_all(database.settings())
    return list(stored(database))


@pytest.fixture
def wrong(database: Database) -> list[tuple[str, str]]:
    [(version,)] = database.execute("select current_setting('server_version_num')::integer")
    return WRONG + (ENDLESS if version >= 170000 else [])


def spoil(database: Database, ids: list[UUID], values: list[tuple[str, str]]) -> None:
    """Put one of the values into the row of each application."""
    for application_id, (column, value) in zip(ids, values, strict=True):
        database.execute(
            f"update link_click_analytics set {column} = {value} where application_id = %s",
            (str(application_id),),
        )


def test_what_is_wrong_is_put_right(database: Database, wrong: list[tuple[str, str]]) -> None:
    ids = applications(database, len(wrong) + 1)
    spoil(database, ids[1:], wrong)
    assert run_all(database.settings()).updated == len(wrong)
    assert stored(database) == reference(database)
    assert run_all(database.settings()).unchanged == len(wrong) + 1


def test_what_is_wrong_is_put_right_for_named_applications(
    database: Database, wrong: list[tuple[str, str]]
) -> None:
    ids = applications(database, len(wrong))
    spoil(database, ids, wrong)
    run_named(database.settings(), [str(application_id) for application_id in ids])
    assert stored(database) == reference(database)


def test_what_is_right_in_another_form_is_left_alone(database: Database) -> None:
    ids = applications(database, len(SAME))
    spoil(database, ids, SAME)
    before = database.execute(ROWS)
    assert run_all(database.settings()).unchanged == len(SAME)
    assert database.execute(ROWS) == before


def test_a_full_run_gives_an_interval_its_usual_form(database: Database) -> None:
    applications(database, 1)
    spans = "time_to_first_click, time_between_first_last_click"
    database.execute(f"update link_click_analytics set ({spans}) = ('1 year 1 mon', '36:00:00')")
    run_all(database.settings(), Options(full=True))
    assert database.execute(f"select array[{spans}]::text[] from link_click_analytics") == [
        (["390 days", "1 day 12:00:00"],)
    ]


def test_rows_without_an_application_are_left_alone_and_counted(database: Database) -> None:
    """Nothing forbids them: the unique index lets any number of nulls in."""
    [application_id] = applications(database, 1)
    database.execute(
        "insert into link_click_analytics (click_sequence, total_click_events, intent_score)"
        " values ('{Resume}', 7, 100), (null, null, null)"
    )
    before = database.execute(ROWS)
    report = run_all(database.settings())
    assert report.rows_without_application == 2
    assert report.unchanged == 1
    run_named(database.settings(), [str(application_id)])
    run_all(database.settings(), Options(full=True))
    nobodys = [row for row in before if row[0] is None]
    assert [row for row in database.execute(ROWS) if row[0] is None] == nobodys


@pytest.mark.parametrize("stamp", ["null", "'infinity'", "now() + interval '1 hour'"])
def test_a_stamp_that_no_run_has_set_protects_nothing(database: Database, stamp: str) -> None:
    """Another program may have written the local time of somewhere to the east."""
    applications(database, 2)
    database.execute(
        f"update link_click_analytics set calculated_at = {stamp}, total_click_events = 0"
    )
    assert run_all(database.settings()).updated == 2
    assert stored(database) == reference(database)
