"""The source tables in every form, read and written by roles with odd defaults and few rights."""

from collections.abc import Callable
from datetime import datetime

import polars as pl
import psycopg2
import pytest
from polars.testing import assert_frame_equal

from pipeline.database import transport
from pipeline.database.connection import bound, session, take_snapshot
from pipeline.database.transport import connectorx_url, read_by_connectorx, read_by_copy
from pipeline.errors import SchemaError
from pipeline.extract import FIRST_ID, LAST_ID
from pipeline.migrate import problems
from pipeline.run import Options, run_all, run_named
from schema.columns import APPLICATIONS, CLICKS, IMAGE, INSTANT, LINKS
from schema.sql import statement
from tests.databases import LEAST, Database
from tests.drawings import named, world_drawn
from tests.engines import reference, stored
from tests.oracle import Application, Click, Link, World, expected
from tests.strategies import HOSTILE, UNUSABLE

A = named("A")
WORLD = world_drawn(
    """
    jobs: J

    application | job     | created at
    A           | J       | 2024-03-04 09:00
    B           | deleted | 2024-07-01 09:00:00.000001
    C           | J       | 1969-12-31 23:59:59.999999
    D           | J       | 1970-01-01 00:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Calendly
    c    | C           | Resume
    d    | D           | Resume
    x    | deleted     | Resume

    link    | clicked at
    a       | 2024-03-09 23:59:59.999999
    a       | 2024-03-10 00:00
    b       | 2024-07-01 10:59:59.999999
    b       | infinity
    b       | -infinity
    c       | 0044-03-15 00:00:00 BC
    c       | 2100-01-01 00:00
    c       | 2099-12-31 23:59:59.999999
    d       | 1970-01-01 00:00
    d       | 1969-12-31 23:59:59.999999
    d       | null
    x       | 2024-03-04 10:00
    unknown | 2024-03-04 10:00
    """
).world

VIEWS = """
create schema elsewhere;
alter table jobs set schema elsewhere;
alter table job_applications set schema elsewhere;
alter table link_tracking set schema elsewhere;
alter table link_clicks set schema elsewhere;
create view jobs as select id, title from elsewhere.jobs;
create view job_applications as select created_at, job_id, id from elsewhere.job_applications;
create view link_tracking as select * from elsewhere.link_tracking;
create view link_clicks as select user_agent, clicked_at, tracking_id from elsewhere.link_clicks;
"""
PARTITIONED = """
alter table link_clicks rename to clicks_before;
create table link_clicks (
    click_id bigint, tracking_id varchar(100), clicked_at timestamp, user_agent text
) partition by range (clicked_at);
create table clicks_of_old partition of link_clicks for values from (minvalue) to ('2024-03-10');
create table clicks_of_march partition of link_clicks
    for values from ('2024-03-10') to ('2024-04-01');
create table clicks_otherwise partition of link_clicks default;
insert into link_clicks select click_id, tracking_id, clicked_at from clicks_before;
alter table link_tracking rename to links_before;
create table link_tracking (like links_before including all) partition by hash (tracking_id);
create table links_even partition of link_tracking for values with (modulus 2, remainder 0);
create table links_odd partition of link_tracking for values with (modulus 2, remainder 1);
insert into link_tracking select * from links_before;
"""
WITH_TIME_ZONE = """
alter table job_applications alter created_at type timestamptz using created_at at time zone 'UTC';
alter table link_clicks alter clicked_at type timestamptz using clicked_at at time zone 'UTC';
"""
FORMS = {
    "tables": "",
    "views": VIEWS,
    "partitioned tables": PARTITIONED,
    "timestamps with time zone": WITH_TIME_ZONE,
    "text in place of varchar": "alter table link_tracking alter link_function type text",
}
ODD_ZONE_AND_STYLES = {
    "TimeZone": "'Asia/Kolkata'",
    "IntervalStyle": "'sql_standard'",
    "DateStyle": "'German, DMY'",
}
ODD_DEFAULTS = ODD_ZONE_AND_STYLES | {
    "search_path": "'elsewhere'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "client_encoding": "'LATIN1'",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_read_only": "on",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
}

Through = Callable[[Database], Database]
readers = pytest.mark.parametrize(
    "through", [lambda database: database, Database.by_copy], ids=["connectorx", "copy"]
)


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def owner(filled: Database, role: str) -> Database:
    """The database seen by a role that may do anything."""
    filled.execute(f"alter role {role} superuser")
    return filled.seen_by(role, role)


@pytest.fixture
def abroad(filled: Database, owner: Database, role: str) -> Database:
    """The same, for a role with an odd time zone and odd styles."""
    for name, value in ODD_ZONE_AND_STYLES.items():
        filled.execute(f"alter role {role} set {name} = {value}")
    return owner


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(
    "by_copy",
    [
        pytest.param(False, id="connectorx"),
        pytest.param(True, id="copy", marks=pytest.mark.slow),
    ],
)
def test_every_form_of_the_sources_gives_the_same_rows(
    filled: Database, abroad: Database, by_copy: bool, form: str
) -> None:
    if form:
        filled.execute(form)
    source = abroad.by_copy() if by_copy else abroad
    report = run_all(source.settings(timezone="America/New_York"))
    assert stored(filled) == expected(WORLD, "America/New_York")
    assert (report.clicks_used, report.clicks_unusable, report.clicks_unattributed) == (5, 6, 2)
    assert run_all(source.settings(timezone="America/New_York")).unchanged == 4


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_named_applications_get_the_same_rows_too(
    filled: Database, abroad: Database, form: str
) -> None:
    if form:
        filled.execute(form)
    run_named(
        abroad.settings(timezone="America/New_York"),
        [str(application.id) for application in WORLD.applications],
    )
    assert stored(filled) == expected(WORLD, "America/New_York")


@readers
@pytest.mark.parametrize(
    "names",
    [list(ODD_DEFAULTS), *(pytest.param([name], marks=pytest.mark.slow) for name in ODD_DEFAULTS)],
    ids=["all at once", *ODD_DEFAULTS],
)
def test_a_role_with_odd_defaults(
    filled: Database, owner: Database, role: str, through: Through, names: list[str]
) -> None:
    for name in names:
        filled.execute(f"alter role {role} set {name} = {ODD_DEFAULTS[name]}")
    source = through(owner)
    assert run_all(source.settings()).inserted == 4
    assert run_all(source.settings()).unchanged == 4
    run_named(source.settings(), [str(A)])
    assert stored(filled) == expected(WORLD, "UTC")


@readers
def test_numbers_that_a_view_makes_texts_of(
    filled: Database, owner: Database, role: str, through: Through
) -> None:
    """They have all their digits, whoever reads them."""
    filled.execute(f"alter role {role} set extra_float_digits = -15")
    filled.execute(
        "alter table link_tracking rename to links;"
        "create view link_tracking as"
        " select tracking_id, application_id, 1234.5678::float8::text as link_function from links"
    )
    run_all(through(owner).settings())
    assert {each for row in stored(filled).values() for each in row.click_sequence} == {"1234.5678"}
    assert stored(filled) == reference(filled)


def test_all_clicks_are_found_by_an_index_that_may_find_some(
    filled: Database, owner: Database, role: str
) -> None:
    try:
        filled.execute("create extension btree_gin")
    except psycopg2.errors.FeatureNotSupported as error:
        pytest.skip(str(error))
    filled.execute(
        f"""
        drop index link_clicks_tracking_id_idx;
        insert into link_clicks (tracking_id, clicked_at)
        select tracking_id, '2024-03-05 10:00' from link_tracking, generate_series(1, 2000);
        create index on link_clicks using gin (tracking_id);
        alter role {role} set enable_seqscan = off;
        alter role {role} set gin_fuzzy_search_limit = 10
        """
    )
    run_named(owner.settings(), [str(A)])
    assert stored(filled)[A] == reference(filled)[A]


@readers
def test_texts_that_a_view_takes_for_dates(
    filled: Database, through: Through, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq, not ConnectorX, takes the order of day and month from the environment."""
    monkeypatch.setenv("PGDATESTYLE", "ISO, DMY")
    filled.execute(
        "alter table link_clicks rename to clicks;"
        "create view link_clicks as"
        " select tracking_id, text '05/03/2024 09:00'::timestamp as clicked_at"
        " from clicks where tracking_id = 'a'"
    )
    for run in (run_all, lambda settings: run_named(settings, [str(A)])):
        run(through(filled).settings())
        assert stored(filled)[A].hours_to_first_click == 24


@readers
@pytest.mark.parametrize("schema", ["elsewhere", 'Odd "Nämé"; drop table jobs --'])
def test_another_schema(filled: Database, through: Through, schema: str) -> None:
    """Everything lies there; what lies in public is not looked at."""
    quoted = '"' + schema.replace('"', '""') + '"'
    filled.execute(
        f"create schema {quoted};"
        + "".join(
            f"alter table {table} set schema {quoted};"
            for table in ("jobs", "job_applications", "link_tracking", "link_clicks")
        )
        + f"alter table link_click_analytics set schema {quoted};"
        f"alter table clickstats_runs set schema {quoted};"
        f"alter table link_click_readings set schema {quoted};"
        f"alter table link_click_score_changes set schema {quoted};"
        "create table link_clicks (tracking_id varchar(100), clicked_at timestamp)"
    )
    source = through(filled)
    run_all(source.settings(schema=schema))
    run_named(source.settings(schema=schema), [str(A)])
    filled.execute(f"alter database {filled.name} set search_path = {quoted}")
    assert stored(filled) == expected(WORLD, "UTC")


def test_a_schema_that_does_not_exist(filled: Database) -> None:
    settings = filled.settings(schema="nowhere")
    with pytest.raises(SchemaError, match="migrate --check"):
        run_all(settings)
    assert "check --schema" in problems(settings)[0]


# --- two readers -------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize(
    ("name", "schema"),
    [("applications", APPLICATIONS), ("links", LINKS), ("clicks", CLICKS), ("stored", IMAGE)],
)
def test_both_readers_give_the_same_frames(
    filled: Database, name: str, schema: pl.Schema, empty: bool
) -> None:
    """ConnectorX and psycopg2's COPY, on text and times of any kind, and on nothing at all."""
    if empty:
        filled.execute("truncate jobs, job_applications, link_tracking, link_clicks cascade")
    else:
        filled.load(hostile())
        run_all(filled.settings())
    ids = {"application_ids": "{}", "first_id": FIRST_ID, "last_id": LAST_ID}
    lists = dict.fromkeys(("declared_agents", "machine_networks", "own_networks"), "{}")
    parameters = {**ids, **lists, "seed_1": 1, "seed_2": 2}
    settings = filled.settings()
    with session(settings, snapshot=True) as own:
        url = connectorx_url(own)
        assert url is not None
        text = bound(own, statement(name), parameters)
        copied = read_by_copy(own, text, schema)
        read = read_by_connectorx(url, take_snapshot(own), settings, text, schema)
    assert copied.schema == schema
    assert copied.is_empty() == empty
    assert_frame_equal(copied, read, check_row_order=False)


VALUES = pl.Schema(
    {
        "text": pl.String(),
        "whole": pl.Int64(),
        "price": pl.Decimal(10, 2),
        "instant": INSTANT,
        "bytes": pl.Binary(),
        "other": pl.String(),
    }
)
ODD = """
SELECT text, number, price, instant, decode(md5(text), 'hex'), nullif(text, '')
FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS given (text, number)
LEFT JOIN (
    VALUES
        (1, 0.1, '2024-03-04 09:00'::timestamp), (2, -99999999.99, '1970-01-01'), (3, 1.236, NULL),
        (4, 1e2, '9999-12-31 23:59:59.999999')
) AS beside (number, price, instant) USING (number)
ORDER BY number DESC
"""


@pytest.mark.parametrize("columns", [list(VALUES), ["text"]])
def test_few_rows_are_read_as_many_are(
    database: Database, monkeypatch: pytest.MonkeyPatch, columns: list[str]
) -> None:
    """Polars reads the CSV of many, a pattern that of few."""
    texts = [
        *HOSTILE,
        '"',
        '""',
        '","',
        "a,b",
        "\n",
        "\r",
        "\\.",
        "",
        " ",
        '"\n"',
        "x" * 300,
        "\ufeff",  # the first row
    ]
    schema = pl.Schema({name: VALUES[name] for name in columns})
    with session(database.settings()) as own:
        names = ", ".join(VALUES)
        odd = bound(own, ODD, {"texts": texts})
        text = f"SELECT {', '.join(columns)} FROM ({odd}) AS odd ({names})"
        few = read_by_copy(own, text, schema)
        monkeypatch.setattr(transport, "FEW", 0)
        many = read_by_copy(own, text, schema)
    assert_frame_equal(few, many)
    assert few["text"].to_list() == texts[::-1]


def hostile() -> World:
    """Every hostile text as a function and as a tracking id, and every unusable time."""
    times = [datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999), *UNUSABLE]
    return World(
        jobs=frozenset({named("J")}),
        applications=(
            Application(A, named("J"), times[1]),
            *(Application(named(str(time)), None, time) for time in UNUSABLE),
        ),
        links=tuple(Link(f"{text}{text}", A, text) for text in HOSTILE if len(text) <= 50),
        clicks=tuple(Click(f"{text}{text}", time) for text in HOSTILE for time in times)
        + tuple(Click(None, time) for time in times),
    )


# --- rights and traps --------------------------------------------------------------------------


@readers
def test_a_role_with_the_least_rights_can_run(
    filled: Database, role: str, through: Through
) -> None:
    """It may not create, alter or delete anything that is not its own."""
    filled.execute(f"revoke create on schema public from public; {LEAST.format(role=role)}")
    least = through(filled.seen_by(role, role))
    assert problems(least.settings()) == []
    assert run_all(least.settings()).inserted == 4
    filled.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
    run_named(least.settings(), [str(A)])
    run_all(least.settings(), Options(full=True))
    assert stored(filled) == reference(filled)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        least.execute("delete from link_clicks")


@pytest.mark.parametrize(
    "right",
    [
        "select on jobs",
        "select on job_applications",
        "select on link_tracking",
        "select on link_clicks",
        "select on link_click_analytics",
        "insert on link_click_analytics",
        "update on link_click_analytics",
    ],
)
def test_a_right_that_lacks_is_said(filled: Database, role: str, right: str) -> None:
    """By the run, and by `migrate --check` with the very GRANT that helps."""
    filled.execute(LEAST.format(role=role) + f"revoke {right} from {role}")
    least = filled.seen_by(role, role)
    privilege, _, table = right.partition(" on ")
    with pytest.raises(SchemaError, match=table) as error:
        run_all(least.settings())
    assert "\n" not in str(error.value)
    assert stored(filled) == {}
    [problem] = problems(least.settings())
    assert f"GRANT {privilege.upper()} ON {table} TO {role}" in problem


@readers
def test_what_is_planted_in_another_schema_is_not_picked_up(
    filled: Database, role: str, through: Through
) -> None:
    """Not even a function that fits better than PostgreSQL's own and comes first on the role's
    search path."""
    filled.execute(
        f"""
        create schema traps;
        grant usage on schema traps to public;
        create table traps.link_clicks (tracking_id varchar(100), clicked_at timestamp);
        create table traps.link_click_analytics (application_id uuid);
        create function traps.hashtextextended(varchar, bigint) returns bigint
            language plpgsql as $$ begin raise 'trapped'; end $$;
        create function traps.justify_hours(interval) returns interval
            language plpgsql as $$ begin raise 'trapped'; end $$;
        {LEAST.format(role=role)}
        alter role {role} set search_path = traps, pg_catalog, public
        """
    )
    trapped = through(filled.seen_by(role, role))
    with pytest.raises(psycopg2.errors.RaiseException):
        trapped.execute("select hashtextextended('a'::varchar, 1)")
    run_all(trapped.settings())
    run_named(trapped.settings(), [str(A)])
    assert stored(filled) == expected(WORLD, "UTC")


@readers
def test_temporary_tables_do_not_stand_in_for_real_ones(
    filled: Database, owner: Database, role: str, through: Through
) -> None:
    """Whatever prepares a session may have made them: a pool of connections, a login trigger."""
    if filled.server_version < 170_000:
        pytest.skip("PostgreSQL has login triggers since 17")
    filled.execute(
        f"""
        create function plant() returns event_trigger language plpgsql as $$
        begin
            if session_user <> '{role}' then
                return;
            end if;
            create temporary table jobs (like public.jobs);
            create temporary table job_applications (like public.job_applications);
            create temporary table link_tracking (like public.link_tracking);
            create temporary table link_clicks (like public.link_clicks);
            create temporary table link_click_analytics (like public.jobs);
            create temporary table clickstats_runs (like public.jobs);
        end $$;
        create event trigger plant on login execute function plant()
        """
    )
    assert owner.execute("select count(*) from link_clicks") == [(0,)]
    run_all(through(owner).settings())
    run_named(through(owner).settings(), [str(A)])
    assert stored(filled) == expected(WORLD, "UTC")
