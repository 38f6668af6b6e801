"""What is different for large tables: they are read in parts and computed in slices, and a first
load builds indexes afterwards. A small table is a large one where less is done at once."""

from contextlib import closing
from uuid import UUID

import polars as pl
import pytest

from pipeline.database.connection import session, take_snapshot
from pipeline.definition import Definition
from pipeline.extract import TABLES, Source, end_of
from pipeline.load import FLAGS, STAGED, staging
from pipeline.run import run_all
from pipeline.settings import Sizes
from schema.columns import ANALYTICS, READINGS
from schema.sql import statement
from tests.databases import Database
from tests.engines import reference, stored
from tests.holds import at

# several blocks of each table; some clicks are unusable, some links lead nowhere
SOURCE = """
insert into jobs (id) select md5('job' || n)::uuid from generate_series(1, 50) as n;
insert into job_applications (id, job_id, created_at)
    select md5('application' || n)::uuid, md5('job' || n % 60)::uuid,
        timestamp '2024-03-01' + n * interval '7 minutes'
    from generate_series(1, 1000) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select 't' || n, md5('application' || n % 1100)::uuid,
        (array['LinkedIn', 'Calendly', 'Resume', 'a,"b"'])[n % 4 + 1]
    from generate_series(1, 3000) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n * 7919 % 3200,
        case when n % 97 > 0 then timestamp '2024-03-02' + n * interval '11 minutes' end
    from generate_series(1, 6000) as n;
"""
IN_PARTS = Sizes(blocks=8, applications=300)
FIRST_LOAD = Sizes(first_load=1000)
LAST = "(select max(id::text)::uuid from job_applications)"
INDEXES = """
    select 'index ' || pg_get_indexdef(indexrelid) from pg_index
    where indrelid in ('link_click_analytics'::regclass, 'link_click_readings'::regclass)
    union all
    select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
    where conrelid in ('link_click_analytics'::regclass, 'link_click_readings'::regclass)
    union all
    select attname || ' ' || attnotnull from pg_attribute
    where attrelid in ('link_click_analytics'::regclass, 'link_click_readings'::regclass)
        and attnum > 0
    order by 1
"""
TARGET, BOTH = (["link_click_analytics"],), (["link_click_analytics", "link_click_readings"],)
# another one when it has been built anew
FILES = """
    select relname, relfilenode from pg_class
    where oid in (select indexrelid from pg_index where indrelid = any (%s::regclass[]))
"""


@pytest.fixture
def filled(database: Database) -> Database:
    database.execute(SOURCE)
    return database


@pytest.mark.parametrize("by_copy", [False, True], ids=["ConnectorX", "COPY"])
def test_tables_in_parts(filled: Database, by_copy: bool) -> None:
    through = filled.by_copy() if by_copy else filled
    settings = through.settings(sizes=IN_PARTS)
    with session(settings, snapshot=True) as connection:
        source = Source(take_snapshot(connection), settings, Definition())
        assert (source.reader.url is None) == by_copy
        assert all(len(list(source._parts(name))) > 3 for name in TABLES)
        assert len(source.extract().ranges()) == 4
    report = run_all(through.settings(sizes=IN_PARTS))
    assert (report.inserted, report.clicks_read) == (1000, 6000)
    assert report.clicks_unusable == 61
    assert stored(filled) == reference(filled)

    filled.execute(
        "update link_clicks set clicked_at = clicked_at + interval '1 day' where click_id % 50 = 0;"
        "delete from link_click_analytics where application_id::text < '2'"
    )
    report = run_all(through.settings(sizes=IN_PARTS))
    assert report.updated > 0
    assert report.inserted > 50
    assert stored(filled) == reference(filled)
    assert run_all(through.settings(sizes=IN_PARTS)).written == 0


@pytest.mark.parametrize(
    "event",
    [
        f"delete from job_applications where id = {LAST}",
        "insert into link_click_analytics (application_id, calculated_at)"
        f" values ({LAST}, '2000-01-01')",
    ],
    ids=["an application is deleted", "a row is added"],
)
def test_what_gets_in_the_way_of_the_last_slice(filled: Database, event: str) -> None:
    """All slices are written anew, none twice."""
    meanwhile = at("write", lambda: filled.execute(event))
    report = run_all(filled.settings(sizes=IN_PARTS), before=meanwhile)
    assert report.inserted + report.updated + report.gone == 1000
    assert report.inserted == 999
    assert stored(filled) == reference(filled)


@pytest.mark.parametrize(
    ("rows", "clicks", "way"), [(100, 9, b"INSERT"), (101, 9, b"COPY"), (1, 9_000, b"COPY")]
)
def test_how_rows_are_staged(database: Database, rows: int, clicks: int, way: bytes) -> None:
    """As values the server would parse each click of a sequence by itself."""
    flags = dict.fromkeys(FLAGS, pl.Boolean())
    row = {"application_id": str(UUID(int=1)), "click_sequence": clicks * ['a,"%s"']}
    frame = pl.DataFrame(
        rows * [row | dict.fromkeys(FLAGS, True)],
        {"id": pl.String(), **ANALYTICS, **READINGS, **flags},
    )
    with closing(database.connect()) as own, own.cursor() as cursor:
        cursor.execute(statement("staging"))
        staging(cursor, frame.select(STAGED))()
        assert (cursor.query or b"").startswith(way)
        cursor.execute("select count(*), max(cardinality(click_sequence)) from clickstats_staging")
        assert cursor.fetchone() == (rows, clicks)


def test_new_rows_of_a_slice_have_ascending_ids(filled: Database) -> None:
    run_all(filled.settings(sizes=IN_PARTS))
    rows = filled.execute("select id::text from link_click_analytics order by application_id")
    ids = [UUID(text) for (text,) in rows]
    assert len(set(ids)) == 1000
    for start in range(0, 1000, 300):
        assert ids[start : start + 300] == sorted(ids[start : start + 300])
    assert {one.version for one in ids} == {4}


def parts(database: Database, name: str) -> int:
    """In how many parts a table is read."""
    settings = database.settings(sizes=IN_PARTS)
    with session(settings, snapshot=True) as connection:
        texts, _ = Source(take_snapshot(connection), settings, Definition()).parts(name)
        return len(texts)


def test_a_view_has_no_blocks(filled: Database) -> None:
    filled.execute(
        "alter table link_clicks rename to clicks;create view link_clicks as select * from clicks"
    )
    assert parts(filled, "clicks") == 1
    run_all(filled.settings(sizes=IN_PARTS))
    assert stored(filled) == reference(filled)


def test_partitions_of_different_sizes(filled: Database) -> None:
    """Each counts its blocks from 0: one range takes rows of all of them."""
    whole = parts(filled, "clicks")
    filled.execute(
        """
        alter table link_clicks rename to clicks;
        create table link_clicks (like clicks) partition by range (clicked_at);
        create table old partition of link_clicks for values from (minvalue) to ('2024-03-03');
        create table april partition of link_clicks for values from ('2024-03-03') to ('2024-04-09')
            partition by hash (tracking_id);
        create table april_0 partition of april for values with (modulus 2, remainder 0);
        create table april_1 partition of april for values with (modulus 2, remainder 1);
        create table other partition of link_clicks default;
        insert into link_clicks select * from clicks;
        """
    )
    assert whole <= parts(filled, "clicks") <= whole + 2
    assert run_all(filled.settings(sizes=IN_PARTS)).clicks_read == 6_000
    assert stored(filled) == reference(filled)


def test_tables_that_inherit(filled: Database) -> None:
    """The rows of a child belong to its parent; its blocks are its own."""
    whole = parts(filled, "clicks")
    filled.execute(
        """
        create table old_clicks () inherits (link_clicks);
        insert into old_clicks select * from link_clicks;
        insert into old_clicks select * from link_clicks;
        """
    )
    assert parts(filled, "clicks") > 3 * whole
    report = run_all(filled.settings(sizes=IN_PARTS))
    assert report.clicks_read == 24_000
    assert stored(filled) == reference(filled)


def test_where_a_range_of_blocks_ends() -> None:
    assert end_of(7, [9]) == 7
    assert end_of(7, [9, 2, 0, 30]) == 3
    assert end_of(40, [9, 2, 0, 30]) == 29


def test_a_part_that_is_elsewhere(filled: Database) -> None:
    """Foreign tables number their rows as they like."""
    filled.execute(
        "create foreign data wrapper far; create server elsewhere foreign data wrapper far;"
        "create foreign table far_clicks () inherits (link_clicks) server elsewhere"
    )
    assert parts(filled, "clicks") == 1


def test_what_connectorx_cannot_read_is_copied_part_by_part(
    filled: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over the one connection that there is, as where it does not know how to log in."""

    def refuse(*others: object, **named: object) -> None:
        raise RuntimeError("unsupported authentication method")

    monkeypatch.setattr("connectorx.read_sql", refuse)
    caplog.set_level("INFO", "clickstats")
    run_all(filled.settings(sizes=Sizes(blocks=4)))
    assert caplog.text.count("unsupported authentication method; reading the same by COPY") > 10
    assert stored(filled) == reference(filled)


def test_a_first_load_builds_indexes_afterwards(filled: Database) -> None:
    shape, files = filled.execute(INDEXES), filled.execute(FILES, BOTH)
    run_all(filled.settings(sizes=FIRST_LOAD))
    assert filled.execute(INDEXES) == shape
    assert not set(files) & set(filled.execute(FILES, BOTH))
    assert len(files) == 8
    assert stored(filled) == reference(filled)


@pytest.mark.parametrize(
    "keep",
    [
        "insert into link_click_analytics (id) values (gen_random_uuid())",
        "create table notes (analytics uuid references link_click_analytics)",
    ],
    ids=["a row", "a table that refers to it"],
)
def test_indexes_in_use_are_kept_up(filled: Database, keep: str) -> None:
    filled.execute(keep)
    files = filled.execute(FILES, TARGET)
    run_all(filled.settings(sizes=FIRST_LOAD))
    assert filled.execute(FILES, TARGET) == files
    assert stored(filled) == reference(filled)


@pytest.mark.parametrize(
    "dependent",
    [
        "create publication everything for all tables",
        "create view counted as select id, application_id from link_click_analytics group by id",
        "create function forbid() returns event_trigger language plpgsql as"
        " $$ begin raise 'no changes at night'; end $$;"
        "create event trigger forbid on sql_drop execute function forbid()",
        "create function forbid() returns event_trigger language plpgsql as"
        " $$ begin raise 'no changes at night'; end $$;"
        "create event trigger forbid on ddl_command_end when tag in ('CREATE INDEX')"
        " execute function forbid()",
    ],
    ids=["a publication", "a view", "a trigger against dropping", "a trigger against building"],
)
def test_what_depends_on_the_indexes_of_an_empty_table(filled: Database, dependent: str) -> None:
    """The run goes the slower way by itself."""
    filled.execute(dependent)
    shape = filled.execute(INDEXES)
    assert run_all(filled.settings(sizes=FIRST_LOAD)).inserted == 1000
    assert filled.execute(INDEXES) == shape
    assert stored(filled) == reference(filled)


PARTITIONED = """
drop view application_scores;
alter table link_click_analytics rename to whole;
create table link_click_analytics (
    like whole including defaults including constraints,
    foreign key (application_id) references job_applications on delete cascade,
    foreign key (job_id) references jobs on delete set null
) partition by hash (application_id);
create table part_0 partition of link_click_analytics for values with (modulus 2, remainder 0);
create table part_1 partition of link_click_analytics for values with (modulus 2, remainder 1);
drop table whole;
create unique index on link_click_analytics (application_id);
create index on link_click_analytics (engagement_score desc);
"""
STORAGE = """
alter table link_click_analytics drop constraint link_click_analytics_pkey;
alter table link_click_analytics add primary key (id) with (fillfactor = 70);
"""
ALL_INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid), indisvalid from pg_index
where indrelid in (
    select 'link_click_analytics'::regclass union select inhrelid from pg_inherits
    where inhparent = 'link_click_analytics'::regclass
)
order by name
"""


@pytest.mark.parametrize("form", [PARTITIONED, STORAGE], ids=["of parts", "with a fill factor"])
def test_indexes_that_their_description_does_not_make_again(filled: Database, form: str) -> None:
    filled.execute(form)
    indexes = filled.execute(ALL_INDEXES)
    run_all(filled.settings(sizes=FIRST_LOAD))
    assert filled.execute(ALL_INDEXES) == indexes
    assert stored(filled) == reference(filled)


def test_indexes_are_kept_up_where_the_empty_table_is_being_read(filled: Database) -> None:
    """The run does not wait for the reader."""
    files = filled.execute(FILES, TARGET)
    reader = filled.connect()
    try:
        with reader.cursor() as cursor:
            cursor.execute("select count(*) from link_click_analytics")
        run_all(filled.settings(sizes=FIRST_LOAD))
    finally:
        reader.close()
    assert filled.execute(FILES, TARGET) == files
    assert stored(filled) == reference(filled)
