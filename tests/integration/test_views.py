"""`jobs` or `job_applications` to which no foreign key can refer: a view, whatever it stands for.

The run then does what the key would have done.
"""

import re
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from pipeline.capture import turn_on
from pipeline.changed import run_changed
from pipeline.dry_run import dry_run
from pipeline.errors import SchemaError
from pipeline.migrate import migrate, pending_sql, problems
from pipeline.run import Options, run_all, run_named
from pipeline.settings import Sizes
from tests.commands import clickstats
from tests.databases import LEAST, Database
from tests.definitions import written
from tests.drawings import named, world_drawn
from tests.engines import assert_exact, reference, stored, stored_readings
from tests.holds import at
from tests.integration.conftest import REQUIREMENT

WORLD = world_drawn(
    """
    jobs: J, K

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | K   | 2024-03-04 09:00
    C           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Calendly

    link | clicked at
    a    | 2024-03-04 10:00
    b    | 2024-03-04 10:00
    """
).world
A, B, C, K = (str(named(name)) for name in "ABCK")
ASIDE = "alter table {0} rename to {0}_of_old;"
FORMS = {
    "a view": ASIDE + "create view {0} as select * from {0}_of_old",
    "a materialized view": ASIDE + "create materialized view {0} as select * from {0}_of_old",
    "a materialized view with a unique index": ASIDE
    + "create materialized view {0} as select * from {0}_of_old; create unique index on {0} (id)",
    "a partitioned table": ASIDE
    + "create table {0} (like {0}_of_old, part int default 1, primary key (id, part))"
    " partition by list (part);"
    "create table {0}_1 partition of {0} for values in (1);"
    "insert into {0} select * from {0}_of_old",
    "a table without a key": "alter table {0} drop constraint {0}_pkey",
    "a table with an index of a part": "alter table {0} drop constraint {0}_pkey;"
    "create unique index on {0} (id) where id is not null",
    "an unlogged table": "alter table {0} set unlogged",
}
QUICK = {
    "job_applications": ["a view", "a partitioned table", "a table with an index of a part"],
    "jobs": ["a view"],
}
KEYS = """
    select confrelid::regclass::text from pg_constraint
    where conrelid = 'link_click_analytics'::regclass and contype = 'f' order by 1
"""

KEY_OF_READINGS = """
    select 1 from pg_constraint
    where conrelid = 'link_click_readings'::regclass and contype = 'f'
"""


def keys(database: Database) -> list[str]:
    return [name for (name,) in database.execute(KEYS)]


@pytest.fixture
def filled(unmigrated: Database) -> Database:
    unmigrated.load(WORLD)
    return unmigrated


@pytest.fixture
def viewed(filled: Database) -> Database:
    """Over views, migrated."""
    filled.execute(
        FORMS["a view"].format("job_applications") + ";" + FORMS["a view"].format("jobs")
    )
    migrate(filled.settings())
    return filled


@pytest.mark.parametrize(
    ("form", "table"),
    [
        pytest.param(
            FORMS[name],
            table,
            marks=[pytest.mark.slow] * (name not in quick),
            id=f"{name} for {table}",
        )
        for table, quick in QUICK.items()
        for name in FORMS
    ],
)
def test_the_target_is_made_without_the_key(filled: Database, form: str, table: str) -> None:
    filled.execute(form.format(table))
    assert all("run `clickstats migrate`" in problem for problem in problems(filled.settings()))
    script = pending_sql(filled.settings())
    assert f"REFERENCES {table}" not in script
    done = migrate(filled.settings())
    assert done[-1].startswith(f"{table} ")
    assert "no foreign key" in done[-1]
    assert f"-- {done[-1]}\n" in script
    assert keys(filled) == [{"jobs": "job_applications", "job_applications": "jobs"}[table]]
    assert len(filled.execute(KEY_OF_READINGS)) == (table == "jobs")
    assert problems(filled.settings()) == []
    assert migrate(filled.settings()) == []
    run_all(filled.settings())
    assert_exact(filled)
    assert len(stored(filled)) == 3
    assert len(stored_readings(filled)) == 2


def test_a_view_that_comes_later(filled: Database) -> None:
    """The keys of both tables refer to what the view stands for, and go on with their work."""
    migrate(filled.settings())
    run_all(filled.settings())
    filled.execute(FORMS["a view"].format("job_applications"))
    assert problems(filled.settings()) == []
    assert migrate(filled.settings()) == []
    filled.execute(f"delete from job_applications_of_old where id = '{A}'")
    assert set(stored_readings(filled)) == {named("B")}
    run_all(filled.settings())
    assert_exact(filled)


@pytest.mark.parametrize("table", ["job_applications", "jobs"])
def test_a_partitioned_table_that_a_key_can_refer_to(filled: Database, table: str) -> None:
    """The server keeps a key to each partition beside it."""
    filled.execute(
        f"alter table {table} rename to old;"
        f"create table {table} (like old including all) partition by hash (id);"
        f"create table part_0 partition of {table} for values with (modulus 2, remainder 0);"
        f"create table part_1 partition of {table} for values with (modulus 2, remainder 1);"
        f"insert into {table} select * from old"
    )
    migrate(filled.settings())
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    filled.execute(f"delete from job_applications where id = '{A}'")
    assert set(stored(filled)) == {named("B"), named("C")}
    assert_exact(filled)


def test_what_sql_prints_is_what_is_run(filled: Database) -> None:
    filled.execute(FORMS["a view"].format("job_applications"))
    filled.execute(pending_sql(filled.settings()))
    assert keys(filled) == ["jobs"]
    assert migrate(filled.settings()) == []


def test_a_foreign_table(filled: Database) -> None:
    filled.execute(
        """
        create extension file_fdw;
        create server files foreign data wrapper file_fdw;
        drop table jobs;
        create foreign table jobs (id uuid) server files options (program 'true')
        """
    )
    assert "foreign table" in migrate(filled.settings())[-1]
    run_all(filled.settings())
    assert {row.job_id for row in stored(filled).values()} == {None}


@pytest.mark.parametrize("when", ["before the view", "after it"])
@pytest.mark.parametrize("hand_made", ["with the keys", "without them"])
def test_a_target_made_by_hand_is_accepted(filled: Database, hand_made: str, when: str) -> None:
    """With its key to the table that the view stands for, or without one."""
    views = FORMS["a view"].format("job_applications") + ";" + FORMS["a view"].format("jobs")
    if when == "after it":
        filled.execute(views)
    old = "_of_old" * (when == "after it")
    reference_to = {"with the keys": f"REFERENCES {{}}{old}(id)", "without them": ""}[hand_made]
    table = REQUIREMENT
    for name, action in (("job_applications", "CASCADE"), ("jobs", "SET NULL")):
        new = f"{reference_to.format(name)} ON DELETE {action}" if reference_to else ""
        table = table.replace(f"REFERENCES {name}(id) ON DELETE {action}", new)
    filled.execute(table)
    if when == "before the view":
        filled.execute(views)
    assert sum("link_click_analytics" in problem for problem in problems(filled.settings())) == 0
    migrate(filled.settings())
    assert problems(filled.settings()) == []
    run_all(filled.settings())
    assert stored(filled) == reference(filled)


def test_a_key_that_does_something_else_is_refused(filled: Database) -> None:
    filled.execute(FORMS["a view"].format("job_applications"))
    filled.execute(
        REQUIREMENT.replace(
            "REFERENCES job_applications(id) ON DELETE CASCADE",
            "REFERENCES job_applications_of_old(id) ON DELETE SET NULL",
        )
    )
    with pytest.raises(SchemaError, match="on delete SET NULL"):
        migrate(filled.settings())


# --- not enforced -------------------------------------------------------------------------------

NOT_ENFORCED = "alter table {0} alter constraint {0}_{1}_fkey not enforced"
OUR_KEYS = [
    ("link_click_analytics", "application_id"),
    ("link_click_analytics", "job_id"),
    ("link_click_readings", "application_id"),
    ("link_click_score_changes", "application_id"),
]


@pytest.fixture
def unenforced(filled: Database) -> Database:
    """Over tables, migrated, with keys that do nothing."""
    if filled.server_version < 180_000:
        pytest.skip("every foreign key is enforced")
    migrate(filled.settings())
    filled.execute(";".join(NOT_ENFORCED.format(*key) for key in OUR_KEYS))
    return filled


def test_keys_that_are_not_enforced_are_told(unenforced: Database) -> None:
    """The remedy is in what is told."""
    said = problems(unenforced.settings())
    assert len(said) == len(OUR_KEYS)
    with pytest.raises(SchemaError, match="not enforced"):
        migrate(unenforced.settings())
    for problem in said:
        unenforced.execute(problem.partition("not enforced: ")[2])
    assert problems(unenforced.settings()) == []
    assert migrate(unenforced.settings()) == []


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_run_does_the_work_of_keys_that_are_not_enforced(unenforced: Database, when: str) -> None:
    gone = f"delete from job_applications where id = '{A}'; delete from jobs where id = '{K}'"
    if when == "before":
        run_all(unenforced.settings())
        unenforced.execute(gone)
        run_all(unenforced.settings())
    else:
        run_all(unenforced.settings(), before=at("write", lambda: unenforced.execute(gone)))
    assert_exact(unenforced)
    assert stored(unenforced)[named("B")].job_id is None


IDLE = {
    "dropped": "alter table {0} drop constraint {0}_{1}_fkey",
    "switched off": "alter table {0} disable trigger all",
}


@pytest.mark.parametrize("how", IDLE)
@pytest.mark.parametrize("kind", ["a first load", "all", "all, without DELETE", "named"])
def test_keys_that_do_not_fire(database: Database, role: str, kind: str, how: str) -> None:
    """What goes meanwhile leaves no row behind, although nothing but the run looks."""
    database.load(WORLD)
    database.execute(";".join(IDLE[how].format(*key) for key in OUR_KEYS))
    database.execute(LEAST.format(role=role))
    gone = f"delete from job_applications where id = '{A}'; delete from jobs where id = '{K}'"
    deleting = at("write", lambda: database.execute(gone))
    if kind == "named":
        run_named(database.settings(), [A, B, C], before=deleting)
    elif kind == "all":
        assert run_all(database.settings(), before=deleting).gone == 1
    elif kind == "a first load":
        run_all(database.settings(sizes=Sizes(first_load=1)), before=deleting)
    else:
        run_all(database.seen_by(role, role).settings(), before=deleting)
    assert_exact(database)
    assert set(stored(database)) == {named("B"), named("C")}
    assert stored(database)[named("B")].job_id is None


def test_run_changed_does_it_too(unenforced: Database) -> None:
    run_all(unenforced.settings())
    turn_on(unenforced.settings())
    run_changed(unenforced.settings(), Options())
    unenforced.execute(f"delete from job_applications where id = '{A}'")
    assert run_changed(unenforced.settings(), Options(max_shrink=100)).deleted == 1
    assert_exact(unenforced)


# --- gone --------------------------------------------------------------------------------------


def test_what_is_gone_is_deleted_and_nulled(viewed: Database) -> None:
    run_all(viewed.settings())
    viewed.execute("insert into link_click_analytics (application_id) values (null)")
    viewed.execute(f"delete from job_applications_of_old where id = '{A}'")
    viewed.execute(f"delete from jobs_of_old where id = '{K}'")
    tried = dry_run(viewed.settings()).report
    assert (tried.deleted, tried.updated, tried.unchanged) == (1, 1, 1)
    assert (tried.readings_written, tried.readings_deleted) == (0, 1)
    assert len(stored(viewed)) == 3
    assert len(stored_readings(viewed)) == 2
    report = run_all(viewed.settings())
    assert (report.deleted, report.gone, report.updated, report.unchanged) == (1, 0, 1, 1)
    assert (report.readings_written, report.readings_deleted) == (0, 1)
    assert_exact(viewed)
    assert stored(viewed)[named("B")].job_id is None
    assert report.rows_without_application == 1
    assert viewed.execute("select count(*) from link_click_analytics") == [(3,)]
    assert run_all(viewed.settings()).deleted == 0


def test_a_frozen_row_loses_its_job_too(viewed: Database, tmp_path: Path) -> None:
    """As it would by the foreign key. A newer row is left to the run that wrote it."""
    file = written(tmp_path, "[applications]\nfrozen_after_days = 1")
    run_all(viewed.settings(definition_file=file))
    viewed.execute(f"delete from jobs_of_old where id = '{K}'")
    assert run_all(viewed.settings()).frozen == 3
    assert stored(viewed)[named("B")].job_id is None
    assert stored(viewed) == reference(viewed)


def test_a_frozen_row_loses_a_job_that_a_key_has_not_looked_at(
    database: Database, tmp_path: Path
) -> None:
    """A key that is back NOT VALID says nothing of what went while it was dropped."""
    database.load(WORLD)
    file = written(tmp_path, "[applications]\nfrozen_after_days = 1")
    run_all(database.settings(definition_file=file))
    key = ("link_click_analytics", "job_id")
    database.execute(IDLE["dropped"].format(*key))
    database.execute(f"delete from jobs where id = '{K}'")
    database.execute(
        "alter table {0} add constraint {0}_{1}_fkey"
        " foreign key ({1}) references jobs on delete set null not valid".format(*key)
    )
    assert run_all(database.settings()).frozen == 3
    assert stored(database) == reference(database)


def test_what_is_gone_is_said(viewed: Database) -> None:
    run_all(viewed.settings())
    assert "rows deleted" not in clickstats("run", "--all", database=viewed).text
    viewed.execute(f"delete from job_applications_of_old where id = '{A}'")
    assert (
        '"deleted": 1'
        in clickstats("run", "--all", "--dry-run", "--format", "json", database=viewed).text
    )
    said = clickstats("run", "--all", "--limit", "1", database=viewed).text
    assert re.search(r"rows deleted +1 +of applications that are gone", said)


def test_a_row_of_a_newer_snapshot_stays(viewed: Database) -> None:
    """It stays until a run whose snapshot is newer still. A time in the future protects nothing."""
    run_all(viewed.settings())
    newer_run = f"""
        delete from job_applications_of_old where id in ('{A}', '{B}');
        update link_click_analytics set calculated_at = clock_timestamp() at time zone 'utc'
        where application_id = '{A}';
        update link_click_analytics set calculated_at = 'infinity'
        where application_id = '{B}'
    """
    report = run_all(viewed.settings(), before=at("write", lambda: viewed.execute(newer_run)))
    assert report.deleted == 1
    assert set(stored(viewed)) == {named("A"), named("C")}
    assert set(stored_readings(viewed)) == {named("A")}  # the newer run's
    assert run_all(viewed.settings(), Options(max_shrink=100)).deleted == 1
    assert stored_readings(viewed) == {}


def test_a_named_run_never_deletes(viewed: Database) -> None:
    run_all(viewed.settings())
    viewed.execute(f"delete from job_applications_of_old where id = '{A}'")
    _, unknown = run_named(viewed.settings(), [A, B])
    assert unknown == [A]
    assert len(stored(viewed)) == 3


@pytest.mark.parametrize("stored_before", [False, True])
@pytest.mark.parametrize("whole", [True, False])
def test_an_application_deleted_meanwhile_leaves_no_row(
    viewed: Database, whole: bool, stored_before: bool
) -> None:
    if stored_before:
        run_all(viewed.settings())
        viewed.execute("update link_clicks set clicked_at = clicked_at + interval '1 hour'")
    deletion = f"delete from job_applications_of_old where id = '{A}'"
    deleting = at("write", lambda: viewed.execute(deletion))
    if whole:
        report = run_all(viewed.settings(), Options(full=True), before=deleting)
        assert set(stored_readings(viewed)) == {named("B")}
        if stored_before:
            assert (report.deleted, report.gone, report.inserted) == (1, 0, 0)
        else:
            assert (report.deleted, report.gone, report.inserted) == (0, 1, 2)
        assert set(stored(viewed)) == {named("B"), named("C")}
    else:
        run_named(viewed.settings(), [A, B], before=deleting)
        kept = {named("A"), named("C")} if stored_before else set()
        assert set(stored(viewed)) == {named("B"), *kept}


@pytest.mark.parametrize("whole", [True, False])
def test_a_job_deleted_meanwhile_is_nulled(viewed: Database, whole: bool) -> None:
    deletion = f"delete from jobs_of_old where id = '{K}'"
    deleting = at("write", lambda: viewed.execute(deletion))
    if whole:
        run_all(viewed.settings(), before=deleting)
    else:
        run_named(viewed.settings(), [A, B, C], before=deleting)
    assert stored(viewed)[named("B")].job_id is None
    assert stored(viewed) == reference(viewed)


def test_a_row_that_another_program_holds(viewed: Database) -> None:
    """The run lets go and tries again, as with rows that it writes."""
    run_all(viewed.settings())
    viewed.execute(f"delete from job_applications_of_old where id = '{A}'")
    with closing(viewed.connect()) as other, other.cursor() as cursor:
        cursor.execute(f"select from link_click_analytics where application_id = '{A}' for update")
        letting_go = Timer(1, other.rollback)
        letting_go.start()
        assert run_all(viewed.settings()).deleted == 1
        letting_go.join()


def test_the_least_rights(viewed: Database) -> None:
    role = f"clickstats_test_{viewed.name[-12:]}"
    viewed.execute(f"create role {role} login password '{role}'")
    try:
        viewed.execute(LEAST.format(role=role))
        least = viewed.seen_by(role, role)
        [problem] = problems(least.settings())
        assert problem == (
            f"{role} lacks DELETE on link_click_analytics: "
            f"GRANT DELETE ON link_click_analytics TO {role}"
        )
        with pytest.raises(SchemaError, match="permission denied"):
            run_all(least.settings())
        run_named(least.settings(), [A])
        viewed.execute(f"grant delete on link_click_analytics to {role}")
        assert problems(least.settings()) == []
        run_all(least.settings())
        viewed.execute(f"delete from job_applications_of_old where id = '{A}'")
        assert run_all(least.settings()).deleted == 1
    finally:
        viewed.execute(f"drop owned by {role} cascade; drop role {role}")
