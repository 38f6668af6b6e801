"""What `migrate --check` knows before a run meets it: types, privileges and row security, since the
server plans the very statements, and tracking ids that would not find their links."""

from collections.abc import Iterator

import pytest

from pipeline.migrate import problems
from pipeline.run import run_all, run_named
from tests.databases import Database, skipped_without_icu
from tests.engines import reference, stored
from tests.runs import RUNS, WORLD, A, said_by


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


# --- tracking ids whose equality is not that of their text ---------------------------------------

NONDETERMINISTIC = (
    "create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
)
WRONG_TRACKING_IDS = {
    "citext": ("create extension citext;", "citext"),
    "a nondeterministic collation": (NONDETERMINISTIC, "varchar(100) collate loose"),
    "char": ("", "char(20)"),
    "name": ("", "name"),
    "a domain over citext": (
        "create extension citext; create domain code as citext; create domain id as code;",
        "id",
    ),
    "a domain with such a collation": (
        NONDETERMINISTIC + "create domain id as text collate loose;",
        "id",
    ),
}
TRACKING_IDS_THAT_DO = {
    "text": ("", "text"),
    "varchar without a length": ("", "varchar"),
    "a collation": ("", 'text collate "C"'),
    "a domain": ("create domain code as varchar(100); create domain id as code not null;", "id"),
}


BOTH = ["link_tracking", pytest.param("link_clicks", marks=pytest.mark.slow)]


@pytest.mark.parametrize("table", BOTH)
@pytest.mark.parametrize(
    ("before", "kind"), WRONG_TRACKING_IDS.values(), ids=WRONG_TRACKING_IDS.keys()
)
def test_a_tracking_id_that_the_server_joins_otherwise(
    filled: Database, before: str, kind: str, table: str
) -> None:
    with skipped_without_icu():
        filled.execute(before or "select")
    filled.execute(f"alter table {table} alter tracking_id type {kind}")
    for run in RUNS.values():
        said = said_by(run, filled, 5)
        assert f"column {table}.tracking_id is " in said
        assert "expected text or varchar" in said
    [problem] = [one for one in problems(filled.settings()) if "tracking_id" in one]
    assert problem in said
    assert stored(filled) == {}


def test_tracking_ids_of_two_collations(filled: Database) -> None:
    filled.execute(
        """
        alter table link_clicks alter tracking_id type text collate "C";
        alter table link_tracking alter tracking_id type text collate "POSIX"
        """
    )
    for run in RUNS.values():
        assert 'two collations, "C" and "POSIX"' in said_by(run, filled, 5)
    [problem] = problems(filled.settings())
    assert "two collations" in problem
    filled.execute('alter table link_tracking alter tracking_id type text collate "C"')
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    assert stored(filled) == reference(filled)


def test_such_a_tracking_id_of_a_view(filled: Database) -> None:
    filled.execute(
        """
        create extension citext;
        alter table link_clicks rename to clicks;
        create view link_clicks as select tracking_id::citext, clicked_at from clicks
        """
    )
    assert "link_clicks.tracking_id is citext" in said_by(run_all, filled, 5)


@pytest.mark.parametrize("kind", ["jsonb", "text[]", "integer", "a domain over jsonb"])
def test_a_link_function_whose_text_is_not_what_it_holds(filled: Database, kind: str) -> None:
    filled.execute("create domain function as jsonb not null")
    filled.execute(
        "delete from link_clicks; delete from link_tracking; alter table link_tracking"
        f" drop link_function, add link_function {kind.replace('a domain over jsonb', 'function')}"
    )
    for run in RUNS.values():
        said = said_by(run, filled, 5)
        assert "column link_tracking.link_function is " in said
        assert "expected a text or an enum" in said
    [problem] = problems(filled.settings())
    assert problem in said
    assert stored(filled) == {}


@pytest.mark.parametrize("table", BOTH)
@pytest.mark.parametrize(
    ("before", "kind"), TRACKING_IDS_THAT_DO.values(), ids=TRACKING_IDS_THAT_DO.keys()
)
def test_a_tracking_id_of_another_type_that_does(
    filled: Database, before: str, kind: str, table: str
) -> None:
    filled.execute(f"{before} alter table {table} alter tracking_id type {kind}")
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
    run_named(filled.settings(), [A])


# --- what --check forecasts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "alter table link_tracking alter application_id type char(36)",
            "is character(36), expected uuid",
        ),
        ("alter table job_applications alter created_at type text", "is text, expected timestamp"),
        (
            "alter table link_clicks alter clicked_at type interval using null",
            "is interval, expected",
        ),
        (
            "drop table job_applications cascade;"
            "create table job_applications"
            " (id bigint primary key, job_id uuid, created_at timestamp)",
            "job_applications.id is bigint, expected uuid",
        ),
    ],
)
def test_wrong_types_are_named_as_postgresql_does(
    filled: Database, change: str, found: str
) -> None:
    filled.execute(change)
    assert any(found in problem for problem in problems(filled.settings()))
    said_by(run_all, filled, 5)


@pytest.mark.parametrize(
    "change",
    [
        "create domain key as uuid; alter table link_tracking alter application_id type key",
        "create domain instant as timestamptz;"
        "alter table link_clicks alter clicked_at type instant",
        "alter table link_clicks alter clicked_at type date",
        "alter table link_clicks alter clicked_at type timestamptz(0)",
        "create type function as enum ('LinkedIn', 'Calendly');"
        "alter table link_tracking alter link_function type function using link_function::function",
        "create extension citext; alter table link_tracking alter link_function type citext",
        "alter table link_tracking alter link_function type name",
        "alter table link_tracking drop is_active, add is_active text, add twice text"
        " generated always as (link_function || link_function) stored",
    ],
)
def test_types_that_work_are_no_problem(filled: Database, change: str) -> None:
    filled.execute(change)
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
    run_named(filled.settings(), [A])


ALL_TABLES = (
    "jobs", "job_applications", "link_tracking", "link_clicks", "link_click_analytics",
    "link_click_readings", "link_click_score_changes", "clickstats_runs", "clickstats_migrations",
)  # fmt: skip
QUICK = ["jobs", "link_clicks", "link_click_readings", "clickstats_migrations"]
RIGHTS = f"""
grant usage on schema public to {{role}};
grant select, insert, update, delete on {", ".join(ALL_TABLES)} to {{role}};
"""


@pytest.mark.parametrize(
    "table",
    [pytest.param(table, marks=[pytest.mark.slow] * (table not in QUICK)) for table in ALL_TABLES],
)
@pytest.mark.parametrize(
    "policy",
    ["", pytest.param("create policy all_rows on {} using (true)", marks=pytest.mark.slow)],
    ids=["no policy", "every row"],
)
def test_row_security(filled: Database, role: str, table: str, policy: str) -> None:
    """It could hide rows. The server refuses a policy that hides none, too."""
    filled.execute(
        RIGHTS.format(role=role)
        + f"alter table {table} enable row level security; {policy.format(table)}"
    )
    guest = filled.seen_by(role, role)
    [problem] = problems(guest.settings())
    assert problem.startswith(f"row security on {table} applies to {role}")
    assert f"ALTER ROLE {role} BYPASSRLS" in problem
    if table != "clickstats_migrations":
        assert table in said_by(run_all, guest, 5)
    filled.execute(f"alter role {role} bypassrls")
    assert problems(guest.settings()) == []
    run_all(guest.settings())


@pytest.fixture
def behind_a_view(filled: Database, role: str) -> Iterator[Database]:
    """For the role, link_clicks is a view of another owner, who may not read what is under it."""
    filled.execute(
        f"""
        {RIGHTS.format(role=role)}
        create role {role}_owner;
        alter table link_clicks rename to clicks;
        create view link_clicks as select tracking_id, clicked_at from clicks;
        alter view link_clicks owner to {role}_owner;
        grant select on link_clicks to {role}
        """
    )
    yield filled.seen_by(role, role)
    filled.execute(f"drop owned by {role}_owner cascade; drop role {role}_owner")


def test_row_security_behind_a_view(filled: Database, behind_a_view: Database, role: str) -> None:
    """It applies to the view's owner."""
    filled.execute(
        f"grant select on clicks to {role}_owner; alter table clicks enable row level security"
    )
    [problem] = problems(behind_a_view.settings())
    assert "row-level security" in problem
    assert "BYPASSRLS" in problem
    said_by(run_all, behind_a_view, 5)


def test_a_view_whose_owner_may_not_read(behind_a_view: Database) -> None:
    [problem] = problems(behind_a_view.settings())
    assert "permission denied for table clicks" in problem
    assert "owner of the view" in problem


def test_a_table_is_listed_where_a_needed_column_may_not_be_read(
    filled: Database, role: str
) -> None:
    filled.execute(
        f"""
        {RIGHTS.format(role=role)}
        revoke select on link_clicks, link_tracking from {role};
        grant select (tracking_id, clicked_at) on link_clicks to {role};
        grant select (tracking_id, link_function) on link_tracking to {role}
        """
    )
    guest = filled.seen_by(role, role)
    [problem] = problems(guest.settings())
    assert problem.partition(":")[0] == f"{role} lacks SELECT on link_tracking"


# --- settings that hide what should be seen ------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        "session_replication_role = replica",
        "track_counts = off",
        "zero_damaged_pages = on",
        "ignore_checksum_failure = on",
    ],
)
def test_a_setting_with_which_no_row_can_be_trusted(filled: Database, setting: str) -> None:
    filled.execute(f"alter database {filled.name} set {setting}")
    name, _, value = setting.split()
    for run in (run_all, lambda settings: run_named(settings, [A])):
        assert f"{name} is {value} for this role" in said_by(run, filled, 2)
    [problem] = problems(filled.settings())
    assert name in problem
    assert stored(filled) == {}
