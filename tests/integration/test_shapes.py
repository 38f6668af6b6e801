"""Sources and targets of other shapes than expected: each is one line that says what is wrong and
what to do."""

from collections.abc import Callable

import pytest

from pipeline.errors import ClickstatsError, Refused, SchemaError
from pipeline.migrate import migrate, problems
from pipeline.run import run_all, run_named
from pipeline.settings import Settings, Sizes
from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import named
from tests.engines import reference, stored, stored_readings
from tests.runs import RUNS, WORLD, A, B, C, runs, said_by, writing_runs


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    return database


@pytest.fixture
def copied(filled: Database) -> Database:
    """The same, read by COPY, so that the server's errors have a code."""
    return filled.by_copy()


# --- the target ----------------------------------------------------------------------------------

TARGETS = {
    "a further column": ("add mine text not null", "mine"),
    "a unique constraint": ("add constraint mine unique (hours_to_first_click)", "mine"),
    "a check": ("add constraint mine check (total_click_events < 1)", "mine"),
    "a generated column": (
        "drop intent_score, add intent_score integer generated always as (1) stored",
        "intent_score",
    ),
    "an array of another type": ("alter click_sequence type varchar(50)[]", "another type"),
    "a text": (
        "drop constraint valid_engagement_score, alter engagement_score drop default,"
        " alter engagement_score type text",
        "another type",
    ),
    "a key to another table": (
        "drop constraint link_click_analytics_application_id_fkey,"
        " add constraint mine foreign key (application_id) references others (id)",
        "mine",
    ),
}


@pytest.mark.parametrize(
    ("run", "change", "found"),
    [
        pytest.param(
            RUNS[run],
            *TARGETS[name],
            marks=[pytest.mark.slow] * (run == "named" and name != "a further column"),
            id=f"{name}, {run}",
        )
        for run in ("all", "named")
        for name in TARGETS
    ],
)
def test_a_target_that_was_altered(
    filled: Database,
    run: Callable[[Settings], object],
    change: str,
    found: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is tried again once at most: what stays is not waited for."""
    caplog.set_level("DEBUG", "clickstats")
    filled.execute("create table others (id uuid primary key)")
    filled.execute("drop view application_scores; alter table link_click_analytics " + change)
    said = said_by(run, filled, 5)
    assert found in said
    assert "migrate --check" in said
    assert problems(filled.settings()) != []
    assert sum(" to write: " in message for message in caplog.messages) <= 1


@writing_runs
@pytest.mark.parametrize("kind", ["smallint", "bigint", "numeric"])
def test_other_numbers_in_the_target_do(
    filled: Database, run: Callable[[Settings], object], kind: str
) -> None:
    filled.execute(
        f"""
        drop view application_scores;
        alter table link_click_analytics alter intent_score type {kind},
            alter total_click_events type {kind}, alter unique_functions_clicked type {kind},
            alter peak_click_hour type {kind}
        """
    )
    run(filled.settings())
    assert stored(filled) == reference(filled)
    assert run_all(filled.settings()).unchanged == 2


@writing_runs
@pytest.mark.parametrize("kind", ["numeric", "double precision", "bigint"])
def test_other_numbers_that_no_run_writes_are_replaced(
    filled: Database, run: Callable[[Settings], object], kind: str
) -> None:
    """Fractions that an integer would hide, and what it cannot hold; of readings too."""
    tables = {
        "link_click_analytics": ["engagement_score", "total_click_events", "peak_click_hour"],
        "link_click_readings": ["intent_score_human", "human_clicks"],
    }
    run_all(filled.settings())
    before = stored(filled), stored_readings(filled)
    filled.execute("drop view application_scores")
    for table, names in tables.items():
        for name in names:
            filled.execute(f"alter table {table} alter {name} type {kind}")
    assert run_all(filled.settings()).unchanged == 2
    for table, names in tables.items():
        for name in names:
            has_check = "clicks" not in name and "click_events" not in name
            huge = kind == "bigint" and not has_check
            other = "3000000000" if huge else f"{name} + 0.4"
            filled.execute(f"update {table} set {name} = {other} where application_id = '{A}'")
            run(filled.settings())
            assert (stored(filled), stored_readings(filled)) == before


@writing_runs
def test_a_trigger_that_raises(filled: Database, run: Callable[[Settings], object]) -> None:
    filled.execute(
        """
        create function no() returns trigger language plpgsql as
            $$ begin raise 'not on Sundays'; end $$;
        create trigger no before insert on link_click_analytics for each row execute function no()
        """
    )
    assert "not on Sundays" in said_by(run, filled, 8)


@pytest.mark.parametrize(
    "change",
    [
        "create rule mine as on insert to link_click_analytics do instead nothing",
        "alter table link_click_analytics rename to rows;"
        "create view link_click_analytics as select * from rows limit 1000000",
        "alter table link_click_analytics rename to rows;"
        "create view link_click_analytics as select * from rows",
        "drop table link_click_analytics cascade; create materialized view link_click_analytics as"
        " select null::uuid as application_id",
        "alter table link_click_analytics rename to rows; create table link_click_analytics"
        " (like rows including defaults including constraints) partition by hash (application_id)",
    ],
)
def test_a_target_of_another_form_ends_in_one_line(filled: Database, change: str) -> None:
    filled.execute(change)
    try:
        run_all(filled.settings())
    except ClickstatsError as error:
        assert "\n" not in str(error)  # noqa: PT017
    if "rule" not in change:
        assert any("expected an ordinary table" in one for one in problems(filled.settings()))


@writing_runs
def test_applications_that_stand_more_than_once(
    filled: Database, run: Callable[[Settings], object]
) -> None:
    run_all(filled.settings())
    filled.execute(
        f"""
        drop index idx_analytics_unique_application;
        insert into link_click_analytics (application_id) values ('{A}')
        """
    )
    said = said_by(run, filled, 5)
    assert f"link_click_analytics has the application_id {A} more than once" in said
    assert "delete the others" in said
    answer = clickstats("migrate", database=filled)
    assert (answer.code, answer.text, answer.errors.count("\n")) == (5, "", 1)
    assert f"the application_id {A} more than once" in answer.errors
    filled.execute("delete from link_click_analytics where total_click_events = 0")
    migrate(filled.settings())
    run(filled.settings())


NO_KEY = "alter table link_click_readings drop constraint link_click_readings_pkey"


@writing_runs
def test_readings_without_their_key(filled: Database, run: Callable[[Settings], object]) -> None:
    filled.execute(NO_KEY)
    assert "clickstats migrate --check" in said_by(run, filled, 5)
    assert "link_click_readings lacks: primary key (application_id)" in problems(filled.settings())


def test_a_first_load_of_readings_without_their_key(filled: Database) -> None:
    """A row that another program adds would stand beside ours."""
    filled.execute(NO_KEY)
    with pytest.raises(SchemaError):
        run_all(filled.settings(sizes=Sizes(first_load=1)))


def test_readings_that_stand_more_than_once(filled: Database) -> None:
    run_all(filled.settings())
    filled.execute(f"{NO_KEY}; insert into link_click_readings table link_click_readings")
    said = said_by(run_all, filled, 5)
    assert "link_click_readings has 2 application_ids" in said
    filled.execute("delete from link_click_readings")
    filled.execute(said.rpartition("then ")[2])
    run_all(filled.settings())
    assert problems(filled.settings()) == []


# --- the source ----------------------------------------------------------------------------------

SOURCES = {
    "an id twice": (
        "job_applications",
        "select * from old union all select * from old",
        "job_applications has 2 ids",
    ),
    "a job's id twice": (
        "jobs",
        "select * from old union all select * from old",
        f"jobs has the id {named('J')} more than once",
    ),
    "a link function that is null": (
        "link_tracking",
        "select tracking_id, application_id, nullif(link_function, 'LinkedIn') as link_function"
        " from old",
        "link_function is null",
    ),
    "a subquery of several rows": (
        "link_clicks",
        "select tracking_id, (select clicked_at from old) as clicked_at from old",
        "more than one row",
    ),
    "a division by zero": (
        "link_clicks",
        "select tracking_id, clicked_at + interval '1 hour' / (length(tracking_id) - 1)"
        " as clicked_at from old",
        "division by zero",
    ),
}
AN_ID_THAT_IS_NULL = "select nullif(id, '{}') as id, job_id, created_at from old"


def view(database: Database, table: str, query: str) -> None:
    database.execute(f"alter table {table} rename to old; create view {table} as {query}")


@runs
@pytest.mark.parametrize(("table", "query", "found"), SOURCES.values(), ids=SOURCES.keys())
def test_a_view_that_does_not_keep_what_a_table_would(
    copied: Database, run: Callable[[Settings], object], table: str, query: str, found: str
) -> None:
    view(copied, table, query)
    assert found in said_by(run, copied, 5)


def test_an_id_that_is_null(filled: Database) -> None:
    view(filled, "job_applications", AN_ID_THAT_IS_NULL.format(A))
    assert "job_applications has 1 row whose id is null" in said_by(run_all, filled, 5)
    run_named(filled.settings(), [B])


@runs
def test_a_materialized_view_without_data(
    copied: Database, run: Callable[[Settings], object]
) -> None:
    copied.execute(
        "alter table link_clicks rename to old;"
        "create materialized view link_clicks as select * from old with no data"
    )
    assert "REFRESH MATERIALIZED VIEW" in said_by(run, copied, 5)
    [problem] = problems(copied.settings())
    assert "REFRESH MATERIALIZED VIEW link_clicks" in problem


def test_a_function_that_the_server_cannot_do(copied: Database) -> None:
    copied.execute(
        "create function no() returns interval language plpgsql as"
        " $$ begin raise feature_not_supported; end $$"
    )
    view(copied, "link_clicks", "select tracking_id, clicked_at + no() as clicked_at from old")
    with pytest.raises(Refused):
        run_all(copied.settings())


@writing_runs
def test_ids_that_the_foreign_key_does_not_know(
    filled: Database, run: Callable[[Settings], object]
) -> None:
    """The target refers to the table behind the view, which has fewer rows."""
    view(
        filled,
        "job_applications",
        f"select * from old union all select '{C}', null, null, null",
    )
    said = said_by(run, filled, 5)
    assert "link_click_analytics_application_id_fkey" in said
    assert 'is not present in table "old"' in said


def test_a_null_tracking_id_is_no_link(filled: Database) -> None:
    view(
        filled,
        "link_tracking",
        f"select * from old union all select null, '{A}', 'Resume', null, null"
        f" union all select null, '{A}', 'Resume', null, null",
    )
    run_all(filled.settings())
    assert stored(filled) == reference(filled)


def test_instants_that_another_program_wrote(filled: Database) -> None:
    """Infinite instants, and those that Python's calendar does not have, are read as null."""
    run_all(filled.settings())
    filled.execute(
        """
        alter table link_click_analytics alter created_at type timestamptz(0);
        update link_click_analytics set created_at = '-infinity', updated_at = '4000-01-01 BC',
            calculated_at = '200000-01-01'
        """
    )
    for arguments in (["explain", A, "--format", "json"], ["report", "--format", "json"]):
        answer = clickstats(*arguments, database=filled)
        assert (answer.code, answer.errors) == (0, "")


def test_the_same_names_in_several_schemas(filled: Database) -> None:
    filled.execute(
        """
        create schema other;
        create table other.link_clicks (tracking_id integer);
        create table other.job_applications (id integer primary key);
        create view other.link_click_analytics as select 1 as id
        """
    )
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    with pytest.raises(SchemaError, match="link_tracking is missing"):
        migrate(filled.settings(schema="other"))
