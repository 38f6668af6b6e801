"""`migrate`: creates our tables, adopts a table made by hand, and says what differs."""

from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pipeline.errors import SchemaError
from pipeline.migrate import migrate, pending_sql, problems
from pipeline.run import run_all
from schema import tables
from tests.commands import clickstats
from tests.databases import Database
from tests.integration.conftest import REQUIREMENT
from tests.processes import started

# all that can be told apart about a table
COLUMNS = """
    select attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
    from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attrelid = %(table)s::regclass and attnum > 0 and not attisdropped order by attnum
"""
CONSTRAINTS = """
    select conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = %(table)s::regclass and contype <> 'n' order by 1
"""
INDEXES = """
    select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
    where indrelid = %(table)s::regclass order by 1
"""
COMMENT = "select obj_description(%(table)s::regclass)"
OURS = """
    select relname from pg_class
    where relnamespace = %(schema)s::regnamespace and relkind = 'r'
    and relname in ('link_click_analytics', 'clickstats_runs', 'clickstats_migrations') order by 1
"""


def catalog(database: Database, table: str = "link_click_analytics") -> list[object]:
    queries = (COLUMNS, CONSTRAINTS, INDEXES, COMMENT)
    return [database.execute(query, {"table": table}) for query in queries]


def ours(database: Database, schema: str = "public") -> list[str]:
    return [name for (name,) in database.execute(OURS, {"schema": schema})]


# --- create ------------------------------------------------------------------------------------


def test_the_table_is_the_requirements(unmigrated: Database, database: Database) -> None:
    unmigrated.execute(REQUIREMENT)
    assert catalog(database) == catalog(unmigrated)


def test_migrating_twice_is_migrating_once(unmigrated: Database) -> None:
    done = migrate(unmigrated.settings())
    assert [revision.split()[0] for revision in done] == ["0001", "0002", "0003", "0004", "0005"]
    before = unmigrated.execute("select oid, relfilenode from pg_class order by 1")
    assert migrate(unmigrated.settings()) == []
    assert unmigrated.execute("select oid, relfilenode from pg_class order by 1") == before
    assert problems(unmigrated.settings()) == []


def test_several_migrations_at_once(unmigrated: Database, database: Database) -> None:
    """One migrates, the others wait and then find nothing to do."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(unmigrated.url, "migrate")) for _ in range(3)]
        outputs = [process.communicate(timeout=60) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert sum("0001" in output for output, _ in outputs) == 1
    assert sum("Nothing to do" in output for output, _ in outputs) == 2
    assert catalog(unmigrated) == catalog(database)


def test_the_metadata_describe_the_migrated_database(database: Database) -> None:
    """Types, defaults, keys, indexes and comments, as Alembic compares them."""
    engine = sa.create_engine(
        database.url.replace("postgresql://", "postgresql+psycopg2://"), poolclass=sa.NullPool
    )
    names = set(tables.ours.tables)

    def is_ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        return kind != "table" or name in names

    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": is_ours,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.ours) == []
    assert names == {
        "link_click_analytics",
        "link_click_readings",
        "link_click_score_changes",
        "clickstats_runs",
    }


@pytest.mark.parametrize("table", ["jobs", "job_applications", "link_tracking", "link_clicks"])
def test_a_source_table_that_is_missing(unmigrated: Database, table: str) -> None:
    unmigrated.execute(f"drop table {table}")
    with pytest.raises(SchemaError, match=f"table {table} is missing"):
        migrate(unmigrated.settings())
    assert ours(unmigrated) == []


def test_another_schema(unmigrated: Database) -> None:
    """Everything goes there; a table of the same name elsewhere is nobody's business."""
    unmigrated.execute(
        'create schema "Other one";'
        + "".join(
            f'alter table {table} set schema "Other one";'
            for table in ("jobs", "job_applications", "link_tracking", "link_clicks")
        )
        + "create table link_click_analytics (id integer)"
    )
    settings = unmigrated.settings(schema="Other one")
    assert migrate(settings) != []
    assert ours(unmigrated, '"Other one"') == [
        "clickstats_migrations", "clickstats_runs", "link_click_analytics"
    ]  # fmt: skip
    assert ours(unmigrated) == ["link_click_analytics"]
    assert problems(settings) == []


# --- --sql -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hand_made", [False, True])
def test_the_sql_touches_nothing_and_migrates_when_it_is_run(
    unmigrated: Database, database: Database, hand_made: bool
) -> None:
    if hand_made:
        unmigrated.execute(REQUIREMENT)
    before = ours(unmigrated)
    script = clickstats("migrate", "--sql", database=unmigrated)
    assert (script.code, script.errors) == (0, "")
    assert ours(unmigrated) == before
    unmigrated.execute(script.text)
    for table in ours(database):
        assert catalog(unmigrated, table) == catalog(database, table)
    versions = "select * from clickstats_migrations"
    assert unmigrated.execute(versions) == database.execute(versions)
    assert migrate(unmigrated.settings()) == []
    assert pending_sql(unmigrated.settings()) == ""
    script = clickstats("migrate", "--sql", database=unmigrated)
    assert script.text.strip() == "-- nothing to do"


def test_the_sql_is_refused_where_the_migration_would_be(by_hand: Database) -> None:
    by_hand.execute("alter table link_click_analytics add column mine text")
    with pytest.raises(SchemaError, match="mine"):
        pending_sql(by_hand.settings())


def test_the_sql_is_for_the_schema(unmigrated: Database) -> None:
    unmigrated.execute(
        "create schema other;"
        + "".join(
            f"alter table {table} set schema other;"
            for table in ("jobs", "job_applications", "link_tracking", "link_clicks")
        )
    )
    unmigrated.execute(pending_sql(unmigrated.settings(schema="other")))
    assert len(ours(unmigrated, "other")) == 3
    assert ours(unmigrated) == []


# --- --check -----------------------------------------------------------------------------------


def test_a_check_of_what_is_complete(database: Database) -> None:
    answer = clickstats("migrate", "--check", database=database)
    assert (answer.code, answer.errors) == (0, "")
    assert "suffice" in answer.text


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("drop table link_clicks", "table link_clicks is missing"),
        ("drop table link_click_analytics cascade", "table link_click_analytics is missing"),
        ("drop table clickstats_runs", "table clickstats_runs is missing"),
        ("drop index idx_analytics_job", "index idx_analytics_job"),
        ("alter table link_clicks drop clicked_at", "column link_clicks.clicked_at is missing"),
        ("alter table jobs rename id to job", "column jobs.id is missing"),
        (
            "alter table link_clicks alter clicked_at type bigint using 0",
            "column link_clicks.clicked_at is bigint, expected timestamp without time zone",
        ),
        (
            "drop view application_scores;"
            "alter table link_click_analytics alter job_id type text,"
            " drop constraint link_click_analytics_job_id_fkey",
            "job_id",
        ),
        ("delete from clickstats_migrations", "revision"),
    ],
)
def test_a_check_says_what_is_missing(database: Database, damage: str, found: str) -> None:
    database.execute(damage)
    assert any(found in problem for problem in problems(database.settings()))


def test_a_check_knows_sources_with_other_types_that_do(database: Database) -> None:
    database.execute(
        """
        alter table link_clicks alter clicked_at type timestamptz;
        alter table link_clicks alter tracking_id type text;
        alter table link_tracking alter link_function type text;
        alter table link_tracking rename to links;
        create view link_tracking as select tracking_id, application_id, link_function from links
        """
    )
    assert problems(database.settings()) == []


def test_a_database_that_quotes_every_name(unmigrated: Database) -> None:
    """The server then prints the same definitions in other words."""
    unmigrated.execute(f"alter database {unmigrated.name} set quote_all_identifiers = on")
    migrate(unmigrated.settings())
    assert problems(unmigrated.settings()) == []
    run_all(unmigrated.settings())


def test_an_implicit_cast_of_ids_to_text(database: Database) -> None:
    """Users of object-relational mappers create such a cast."""
    database.execute("create cast (uuid as text) with inout as implicit")
    try:
        run_all(database.settings())
        assert problems(database.settings()) == []
    finally:
        database.execute("drop cast (uuid as text)")
