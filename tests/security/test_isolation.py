"""Nobody gets in: least privilege, planted objects, hostile values, secrets."""

from collections.abc import Iterator
from secrets import token_hex
from traceback import format_exception

import psycopg2
import pytest

from pipeline.errors import NoConnection, SchemaError
from pipeline.migrate import migrate, problems
from pipeline.run import run_all, run_named
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database
from tests.engines import assert_exact, reference, stored

ROLE = f"clickstats_nightly_{token_hex(4)}"  # others may use the server at the same time
PASSWORD = "s3cret/@:%-of-the-night"
# what the documentation asks for, and no more
GRANTS = f"""
grant select on jobs, job_applications, link_tracking, link_clicks to {ROLE};
grant select, insert, update on link_click_analytics to {ROLE};
grant select, insert, update, delete on link_click_readings, clickstats_runs to {ROLE};
grant select, insert, delete on link_click_score_changes to {ROLE};
grant select on clickstats_migrations to {ROLE};
"""
SOURCE = """
insert into jobs select md5('job')::uuid;
insert into job_applications (id, job_id, created_at)
    select md5('application' || n)::uuid, md5('job')::uuid, '2024-03-01'
    from generate_series(1, 9) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select 't' || n, md5('application' || n)::uuid, 'LinkedIn' from generate_series(1, 9) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n, '2024-03-02' from generate_series(1, 9) as n;
"""


@pytest.fixture
def filled(database: Database) -> Database:
    database.execute(SOURCE)
    return database


@pytest.fixture
def nightly(filled: Database) -> Iterator[Database]:
    """The database as the least-privileged role sees it."""
    filled.execute(f"create role {ROLE} login password '{PASSWORD}'; {GRANTS}")
    try:
        yield filled.seen_by(ROLE, PASSWORD)
    finally:
        filled.execute(f"drop owned by {ROLE}; drop role {ROLE}")


def test_the_least_privileged_role_runs_everything_but_migrate(nightly: Database) -> None:
    [(application_id,)] = nightly.execute("select min(id::text) from job_applications")
    assert problems(nightly.settings()) == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        nightly.execute("alter table link_click_analytics add column planted text")
    for command in (
        ["run", "--all"],
        ["run", "--app-id", application_id],
        ["run", "--all", "--full"],
        ["run", "--all", "--dry-run"],
        ["migrate", "--check"],
        ["verify"],
        ["status"],
        ["explain", application_id],
    ):
        answer = clickstats(*command, database=nightly)
        assert answer.code == 0, (command, answer.errors)
    assert stored(nightly) == reference(nightly)


@pytest.mark.parametrize(
    ("privilege", "table"),
    [
        ("select", "jobs"),
        ("select", "job_applications"),
        ("select", "link_tracking"),
        ("select", "link_clicks"),
        ("select", "link_click_analytics"),
        ("insert", "link_click_analytics"),
        ("update", "link_click_analytics"),
        ("select", "clickstats_runs"),
        ("insert", "clickstats_runs"),
        ("update", "clickstats_runs"),
        ("delete", "clickstats_runs"),
    ],
)
def test_each_privilege_is_needed_and_asked_for(
    filled: Database, nightly: Database, privilege: str, table: str
) -> None:
    filled.execute(f"revoke {privilege} on {table} from {ROLE}")
    assert any(
        f"{privilege.upper()} on {table}" in problem for problem in problems(nightly.settings())
    )
    before = stored(filled)
    with pytest.raises(SchemaError, match=f"permission denied for .*{table}"):
        run_all(nightly.settings())
    assert stored(filled) == before


# where an attacker may create objects: schemas that the role's search path names
PLANTED = """
create schema planted;
create table planted.jobs (like public.jobs);
create table planted.job_applications (like public.job_applications);
create table planted.link_tracking (like public.link_tracking);
create table planted.link_clicks (like public.link_clicks);
create table planted.link_click_analytics (like public.link_click_analytics);
create table planted.clickstats_runs (like public.clickstats_runs);
create table planted.clickstats_staging (application_id uuid);
create function planted.hashtextextended(text, bigint) returns bigint language sql as 'select 1';
create function planted.hashtextextended(varchar, bigint) returns bigint language sql as 'select 1';
create function planted.clock_timestamp() returns timestamptz language sql
    as $$select '2000-01-01'::timestamptz$$;
create function planted.cardinality(uuid[]) returns integer language sql as 'select 1';
create function planted.uuid_hash_extended(uuid, bigint) returns bigint language sql as 'select 1';
create function planted.same(uuid, uuid) returns boolean language sql as 'select true';
create operator planted.= (leftarg = uuid, rightarg = uuid, function = planted.same);
grant all on schema planted to public;
grant all on all tables in schema planted to public;
"""


@pytest.mark.parametrize("path", ["planted, public", "planted, pg_catalog, public", "pg_temp"])
def test_objects_planted_in_another_schema_are_not_picked_up(
    filled: Database, nightly: Database, path: str
) -> None:
    filled.execute(PLANTED)
    for database in (filled, nightly):
        user = database.execute("select quote_ident(current_user)")[0][0]
        filled.execute(f"alter role {user} in database {filled.name} set search_path to {path}")
        run_all(database.settings())
        run_named(database.settings(), ["00000000-0000-0000-0000-000000000000"])
        filled.execute(f"alter role {user} in database {filled.name} reset all")
    assert stored(filled) == reference(filled)
    assert filled.execute("select count(*) from planted.link_click_analytics") == [(0,)]
    assert filled.execute("select count(*) from planted.clickstats_runs") == [(0,)]
    assert filled.execute("select count(*) from public.clickstats_runs") == [(4,)]


HOSTILE = [
    "$(touch /tmp/planted)",
    "`id`",
    "'; DROP TABLE link_clicks; --",
    '"; DROP TABLE jobs; --',
    "\\.",
    "\\N",
    "\\",
    "NULL",
    "",
    " ",
    'a,"b",c',
    '"',
    "{a,b}",
    "%s %(timezone)s %%",
    "a\nb\r\n\tc",
    "\\x00",
    "=cmd|' /C calc'!A0",
    "\x01\x7f\u202e",
    "🦉",
]


@pytest.mark.parametrize("plain_quotes", ["on", "off"])
def test_hostile_values_pass_through_as_text(filled: Database, plain_quotes: str) -> None:
    """Also where a backslash between quotes means something, by default of the database."""
    filled.execute(
        f"alter database {filled.name} set standard_conforming_strings = {plain_quotes};"
        f"alter database {filled.name} set escape_string_warning = off"
    )
    values = [*HOSTILE, "\\'], 1)) v; drop table jobs cascade; --", "C:\\Resume"]
    for number, value in enumerate(values):
        filled.execute(
            "insert into link_tracking (tracking_id, application_id, link_function)"
            " values (%s, md5('application1')::uuid, %s)",
            (f"{value}{number}", value),
        )
        filled.execute(
            "insert into link_clicks (tracking_id, clicked_at, user_agent)"
            " values (%s, '2024-03-03', %s)",
            (f"{value}{number}", f"curl/8 {value}" if number % 2 else None),
        )
    run_all(filled.settings())
    assert_exact(filled)
    [(sequence, application_id)] = filled.execute(
        "select click_sequence, application_id::text from link_click_analytics"
        " where cardinality(click_sequence) > 1"
    )
    assert sorted(sequence) == sorted(["LinkedIn", *values])
    answer = clickstats("run", "--app-id", application_id, database=filled)
    assert answer.code == 0
    assert_exact(filled)


@pytest.mark.parametrize("value", ["'; drop table jobs; --", "$(id)", "1) or (1=1", "\\.", "{}"])
def test_hostile_ids_are_wrong_usage(filled: Database, value: str) -> None:
    answer = clickstats("run", f"--app-id={value}", database=filled)
    assert answer.code == 2
    assert "Traceback" not in answer.errors


@pytest.mark.parametrize(
    "schema",
    [
        'o\'clock "ünï" back\\slash;',
        *(
            pytest.param(schema, marks=pytest.mark.slow)
            for schema in (
                'our "quoted" schema',
                "semi;colon",
                "o'clock",
                "UPPER",
                "back\\slash",
                "ünï",
            )
        ),
    ],
)
def test_schemas_of_any_name(unmigrated: Database, schema: str) -> None:
    quoted = '"' + schema.replace('"', '""') + '"'
    unmigrated.execute(f"create schema {quoted}; set search_path to {quoted}; " + SOURCE_TABLES)
    settings = {"schema": schema}
    migrate(unmigrated.settings(**settings))
    unmigrated.execute(f"set search_path to {quoted}; " + SOURCE)
    report = run_all(unmigrated.settings(**settings))
    assert report.inserted == 9
    [(application_id,)] = unmigrated.execute(f"select min(id::text) from {quoted}.job_applications")
    found, unknown = run_named(unmigrated.settings(**settings), [application_id])
    assert (found.height, unknown) == (1, [])
    assert problems(unmigrated.settings(**settings)) == []


def test_a_schema_that_is_an_attack(filled: Database) -> None:
    answer = clickstats("run", "--all", "--schema", 'public"; drop table jobs; --', database=filled)
    assert answer.code == 5
    assert "Traceback" not in answer.errors
    assert filled.execute("select count(*) from jobs") == [(1,)]


def test_passwords_are_nowhere(filled: Database, nightly: Database) -> None:
    """Not in output, logs, errors or the ledger, whether it works or fails."""
    secrets = (PASSWORD, "s3cret%2F%40%3A%25-of-the-night", "s3cret")
    wrong = nightly.url.replace("night@", "night-but-wrong@")
    missing = nightly.url.replace(filled.name, "nowhere")
    cut = nightly.url.replace("@", "")
    commands = (
        [nightly.url, "run", "--all", "--verbose", "--log-format", "json"],
        [wrong, "run", "--all"],
        [missing, "run", "--app-id", "00000000-0000-0000-0000-000000000001"],
        [cut, "migrate", "--check"],
        [nightly.url + "?sslmode=nonsense", "status"],
    )
    for url, *arguments in commands:
        answer = clickstats(*arguments, database=url)
        said = answer.text + answer.errors
        assert "Traceback" not in said
        assert not [secret for secret in secrets if secret in said], (arguments, said)
    filled.execute(f"revoke select on link_clicks from {ROLE}")
    with pytest.raises(SchemaError) as missing_privilege:
        run_all(nightly.settings())
    with pytest.raises(NoConnection) as refused:
        run_all(Database(wrong, filled.name).settings())
    for error in (missing_privilege, refused):
        assert not [secret for secret in secrets if secret in repr(error.value)]
        assert not [
            secret for secret in secrets if secret in "".join(format_exception(error.value))
        ]
    rows = filled.execute("select r::text from clickstats_runs as r")
    assert len(rows) == 2
    assert not [row for (row,) in rows if "s3cret" in row]
    assert "s3cret" not in repr(nightly.settings())
