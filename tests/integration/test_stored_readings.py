"""What a run makes of link_click_readings and application_scores beside link_click_analytics."""

from pathlib import Path

import pytest

from pipeline.dry_run import dry_run
from pipeline.errors import SchemaError
from pipeline.migrate import missing_options, problems
from pipeline.run import Options, run_all, run_named
from pipeline.settings import Sizes
from tests.commands import clickstats
from tests.databases import LEAST, CopyOf, Database, skipped_without_icu
from tests.definitions import printed, written
from tests.drawings import named, world_drawn
from tests.engines import assert_exact, reference, stored, stored_readings
from tests.oracle import Definition, expected, readings

# A has a person's click and a program's, B a person's, C none.
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-03-03 10:00
    B           | J   | 2026-03-03 10:00
    C           | J   | 2026-03-03 10:00

    link | application | link function
    a1   | A           | LinkedIn
    a2   | A           | Calendly
    b    | B           | Resume

    link | clicked at
    a1   | 2026-03-03 11:00
    a2   | 2026-03-04 11:00
    b    | 2026-03-04 12:00
    """
).world
A, B, C = map(named, "ABC")
BY_A_PROGRAM = "update link_clicks set user_agent = 'curl/8.5.0' where tracking_id = 'a2'"
SCORES = """
    select application_id::uuid::text, engagement_score_all, intent_score_all,
        engagement_score_human, intent_score_human, human_clicks, machine_clicks,
        last_human_click::text
    from application_scores order by array_position(%s::text[], application_id::text)
"""
UNTOUCHED = "select application_id, xmin::text, ctid from {} order by 1"


def fill(database: Database) -> None:
    database.load(WORLD)
    database.execute(BY_A_PROGRAM)


def compute(database: Database) -> None:
    fill(database)
    run_all(database.settings())


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


@pytest.fixture
def done(copy_of: CopyOf) -> Database:
    return copy_of(compute)


def test_only_applications_with_a_used_click_have_a_row(done: Database) -> None:
    assert set(stored_readings(done)) == {A, B}
    assert_exact(done)


def test_the_view_has_every_application(done: Database) -> None:
    """Both readings of both scores, without a join."""
    assert done.execute(SCORES, ([str(each) for each in (A, B, C)],)) == [
        (str(A), 100, 100, 65, 50, 1, 1, "2026-03-03 11:00:00"),
        (str(B), 10, 0, 10, 0, 1, 0, "2026-03-04 12:00:00"),
        (str(C), 0, 0, 0, 0, 0, 0, None),
    ]


def test_the_view_is_that_of_a_table_that_was_made_anew(filled: Database) -> None:
    """A view goes with the table that was renamed, and would show its rows for ever."""
    run_all(filled.settings())
    filled.execute(
        "create table anew (like link_click_readings including all);"
        "alter table link_click_readings rename to link_click_readings_of_old;"
        "alter table link_click_readings_of_old rename constraint link_click_readings_pkey to old;"
        "alter table anew rename to link_click_readings;"
        "alter index anew_pkey rename to link_click_readings_pkey;"
        "alter table link_click_readings"
        " add foreign key (application_id) references job_applications on delete cascade"
    )
    run_all(filled.settings())
    filled.execute("truncate link_click_readings_of_old")
    said = clickstats("migrate", "--check", database=filled)
    assert said.code == 5
    assert "view application_scores reads other tables than" in said.text
    said = clickstats("migrate", database=filled)
    assert (said.code, said.text) == (0, "view application_scores made anew\n")
    assert clickstats("migrate", "--check", database=filled).code == 0
    [(shown,)] = filled.execute("select sum(machine_clicks) from application_scores")
    assert [(shown,)] == filled.execute("select sum(machine_clicks) from link_click_readings")


@pytest.mark.parametrize("count", ["all", "human"])
def test_the_view_says_the_same_whatever_counts(
    filled: Database, tmp_path: Path, count: str
) -> None:
    file = written(tmp_path, f"[clicks]\ncount = '{count}'")
    run_all(filled.settings(definition_file=file))
    order = [str(each) for each in (A, B, C)]
    assert [row[1:5] for row in filled.execute(SCORES, (order,))] == [
        (100, 100, 65, 50),
        (10, 0, 10, 0),
        (0, 0, 0, 0),
    ]
    assert_exact(filled, Definition(count=count))


EDITS = {
    "the last click goes": ("delete from link_clicks where tracking_id = 'b'", 0, 1),
    "the last click becomes unusable": (
        "update link_clicks set clicked_at = null where tracking_id = 'b'", 0, 1
    ),
    "the link goes": ("delete from link_tracking where tracking_id = 'b'", 0, 1),
    "the link moves": (
        f"update link_tracking set application_id = '{C}' where tracking_id = 'b'", 1, 1
    ),
    "a click becomes a program's": (
        "update link_clicks set user_agent = 'curl/8.5.0' where tracking_id = 'b'", 1, 0
    ),
    "a click comes": (
        "insert into link_clicks (tracking_id, clicked_at) values ('b', '2026-03-05')", 1, 0
    ),
    "the application goes": (f"delete from job_applications where id = '{B}'", 0, 0),
    "nothing": ("select 1", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "written", "deleted"), EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("whole", [True, False], ids=["all", "named"])
def test_readings_follow(
    done: Database, edit: str, written: int, deleted: int, whole: bool
) -> None:
    before = done.execute(UNTOUCHED.format("link_click_readings"))
    done.execute(edit)
    if whole:
        report = run_all(done.settings())
        assert (report.readings_written, report.readings_deleted) == (written, deleted)
    else:
        run_named(done.settings(), [str(B), str(C)])
    assert_exact(done)
    there = set(done.execute(UNTOUCHED.format("link_click_readings")))
    assert len(there - set(before)) == written or not whole


def test_readings_that_another_program_changed_or_deleted_come_back(done: Database) -> None:
    rows = done.execute(UNTOUCHED.format("link_click_analytics"))
    done.execute("update link_click_readings set human_clicks = 7, human_rules = 0")
    assert run_all(done.settings()).readings_written == 2
    done.execute("delete from link_click_readings")
    assert run_all(done.settings()).readings_written == 2
    assert_exact(done)
    assert done.execute(UNTOUCHED.format("link_click_analytics")) == rows


@pytest.mark.parametrize(
    "time", ["infinity", "-infinity", "294276-12-31 23:59:59", "4713-01-01 BC", "2100-01-01"]
)
def test_readings_that_no_run_writes_are_replaced(done: Database, time: str) -> None:
    done.execute(
        "update link_click_readings set first_human_click = %s, last_human_click = %s", (time, time)
    )
    assert dry_run(done.settings()).report.readings_written == 2
    assert run_all(done.settings()).readings_written == 2
    assert_exact(done)


def test_readings_that_are_right_are_not_touched(done: Database) -> None:
    """Not even locked, whatever changes beside them."""
    versions = "select application_id, xmin::text, xmax::text from link_click_readings order by 1"
    before = done.execute(versions)
    done.execute("update link_click_analytics set total_click_events = total_click_events + 1000")
    assert run_all(done.settings()).updated == len(stored(done))
    assert done.execute(versions) == before
    assert_exact(done)


def test_readings_beside_a_row_that_is_gone(done: Database) -> None:
    """Another program has deleted rows of link_click_analytics alone."""
    done.execute(
        "delete from link_click_analytics; delete from link_clicks where tracking_id = 'b'"
    )
    report = run_all(done.settings())
    assert (report.inserted, report.readings_deleted) == (3, 1)
    assert_exact(done)


def test_the_tables_from_before_readings(done: Database) -> None:
    """After `migrate` the next run fills the new table and leaves the old one alone."""
    done.execute("truncate link_click_readings")
    rows = done.execute(UNTOUCHED.format("link_click_analytics"))
    report = run_all(done.settings())
    assert (report.unchanged, report.readings_written) == (3, 2)
    assert done.execute(UNTOUCHED.format("link_click_analytics")) == rows
    assert_exact(done)


# --- a first load --------------------------------------------------------------------------------

MANY = """
insert into job_applications (id, created_at)
    select md5('application' || n)::uuid, timestamp '2024-03-01' + n * interval '7 minutes'
    from generate_series(1, 1200) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select 't' || n, md5('application' || n % 1250)::uuid,
        (array['LinkedIn', 'Calendly', 'Resume', 'GitHub'])[n % 4 + 1]
    from generate_series(1, 3600) as n;
insert into link_clicks (tracking_id, clicked_at, user_agent)
    select 't' || n * 7919 % 4000,
        timestamp '2024-03-02' + n % 500 * interval '11 minutes' + n % 3 * interval '4 seconds',
        case when n % 50 = 0 then 'curl/8' end
    from generate_series(1, 6000) as n;
insert into link_clicks (tracking_id, clicked_at)
    select 't' || n % 50 + n / 50 * 1250, '2024-06-01' from generate_series(0, 149) as n;
"""


def test_a_large_first_load(database: Database) -> None:
    """Indexes are built afterwards; both tables are filled, and stay."""
    large = Sizes(first_load=1_000)
    database.execute(MANY)
    report = run_all(database.settings(sizes=large))
    assert report.inserted == 1_200
    assert report.readings_written == len(stored_readings(database)) > 1_000
    classes = report.clicks_by_class
    assert min(classes["declared"], classes["sweep"], classes["repeat"], classes["human"]) > 10
    assert_exact(database)
    again = run_all(database.settings(sizes=large))
    assert (again.written, again.readings_written, again.readings_deleted) == (0, 0, 0)

    database.execute("truncate link_click_analytics")  # the readings are those of before
    report = run_all(database.settings(sizes=large))
    assert (report.inserted, report.readings_written) == (1_200, 0)
    assert_exact(database)


# --- rights --------------------------------------------------------------------------------------


@pytest.fixture
def least(filled: Database, role: str) -> Database:
    """A role that may read neither user agents nor addresses."""
    filled.execute(
        LEAST.format(role=role) + f"revoke select on link_clicks from {role};"
        f"grant select (tracking_id, clicked_at) on link_clicks to {role}"
    )
    return filled.seen_by(role, role)


def test_optional_columns_that_may_not_be_read(least: Database, filled: Database) -> None:
    """The run goes on, and says so once; `--check` lists them."""
    report = run_all(least.settings())
    assert report.clicks_by_class["declared"] == 0
    [warning] = [one for one in report.warnings if "user_agent" in one]
    assert warning == (
        "link_clicks has no user_agent and no ip_address that can be read: no click has the class "
        "declared or network or own"
    )
    assert stored(filled)[A].engagement_score == 100
    assert stored_readings(filled)[A].machine_clicks == 0
    run_named(least.settings(), [str(A)])

    assert [line.partition(",")[0] for line in missing_options(least.settings())] == [
        "optional: link_clicks.user_agent cannot be read",
        "optional: link_clicks.ip_address cannot be read",
        "optional: job_applications.first_response_received_at cannot be read",
    ]
    answer = clickstats("migrate", "--check", database=least)
    assert "optional: link_clicks.user_agent cannot be read" in answer.text + answer.errors


def test_reading_the_needed_columns_suffices(least: Database, filled: Database) -> None:
    """A large table, too, is read in one piece then: its parts are told apart by a column that is
    not granted."""
    assert problems(least.settings()) == []
    filled.execute(MANY)
    run_all(least.settings(sizes=Sizes(blocks=8)))
    assert stored(filled) == reference(filled)


def test_deleting_readings_is_one_of_the_least_rights(least: Database, filled: Database) -> None:
    """What --check says, a run meets."""
    run_all(least.settings())
    role = least.execute("select current_user")[0][0]
    filled.execute(f"revoke delete on link_click_readings from {role}")
    [problem] = problems(least.settings())
    assert problem == (
        f"{role} lacks DELETE on link_click_readings: GRANT DELETE ON link_click_readings TO {role}"
    )
    filled.execute("delete from link_clicks where tracking_id = 'b'")
    with pytest.raises(SchemaError, match="permission denied for table link_click_readings"):
        run_all(least.settings())
    filled.execute(f"grant delete on link_click_readings to {role}")
    assert run_all(least.settings()).readings_deleted == 1


@pytest.mark.parametrize("name", ["user_agent", "ip_address"])
def test_one_optional_column_that_is_missing(filled: Database, name: str) -> None:
    filled.execute(f"alter table link_clicks drop {name}")
    [warning] = run_all(filled.settings()).warnings[:1]
    assert warning.startswith(f"link_clicks has no {name} that can be read")
    run_all(filled.settings())


def test_an_address_of_another_type_cannot_be_read(filled: Database, tmp_path: Path) -> None:
    """It goes on without the class, whatever networks are named."""
    filled.execute("alter table link_clicks alter ip_address type text")
    file = written(tmp_path, "[clicks]\nmachine_networks = ['::/0', '0.0.0.0/0']")
    report = run_all(filled.settings(definition_file=file))
    assert "no ip_address that can be read" in report.warnings[0]
    run_named(filled.settings(), [str(A)])


@pytest.mark.parametrize(
    ("kind", "using"),
    [
        ("jsonb", "to_jsonb(user_agent)"),
        ("bytea", "user_agent::bytea"),
        ("text[]", "array[user_agent]"),
        ("integer", "length(user_agent)"),
    ],
)
def test_user_agents_that_are_no_texts(filled: Database, kind: str, using: str) -> None:
    """They are not read, which is told: in their quotes or digits no pattern would be found."""
    filled.execute(f"alter table link_clicks alter user_agent type {kind} using {using}")
    report = run_all(filled.settings())
    assert any("no user_agent that can be read" in warning for warning in report.warnings)
    assert report.clicks_by_class["declared"] == 0
    assert clickstats("verify", database=filled).code == 0


@pytest.mark.parametrize("first", ["curl/8", "CURL/8"])
def test_user_agents_that_the_server_finds_equal(filled: Database, first: str) -> None:
    """Programs are known by patterns that tell capitals apart."""
    with skipped_without_icu():
        filled.execute(
            "create collation loose"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    filled.execute(
        "alter table link_clicks alter user_agent type text collate loose;"
        f"update link_clicks set user_agent = '{first}' where tracking_id <> 'a2';"
        "update link_clicks set user_agent = 'curl/8' where tracking_id = 'a2'"
    )
    run_all(filled.settings())
    assert_exact(filled)
    assert [stored_readings(filled)[one].machine_clicks for one in (A, B)] == (
        [2, 1] if first == "curl/8" else [1, 0]
    )
    assert clickstats("verify", database=filled).code == 0


def test_link_functions_that_the_server_finds_equal(filled: Database) -> None:
    """`linkedin` is not LinkedIn, whatever collation the columns have."""
    with skipped_without_icu():
        filled.execute(
            "create collation loose"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    filled.execute(
        "alter table link_tracking alter link_function type text collate loose;"
        "alter table link_click_analytics alter click_sequence type text[] collate loose;"
        "update link_tracking set link_function = 'linkedin' where link_function = 'LinkedIn'"
    )
    run_all(filled.settings())
    assert_exact(filled)
    assert clickstats("verify", database=filled).code == 0
    filled.execute(
        "update link_click_analytics set click_sequence = array_replace(click_sequence,"
        " 'linkedin' collate \"C\", 'LINKEDIN')"
    )
    assert clickstats("verify", database=filled).code == 6
    run_all(filled.settings())
    assert_exact(filled)


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_user_agents_that_begin_with_a_byte_order_mark(filled: Database, mark: str) -> None:
    filled.execute("update link_clicks set user_agent = %s", (f"{mark}Googlebot/2.1",))
    run_all(filled.settings())
    assert_exact(filled)
    assert stored_readings(filled)[A].machine_clicks > 0
    assert clickstats("verify", database=filled).code == 0


def test_a_limited_run_leaves_both_rows_of_the_others(filled: Database) -> None:
    report = run_all(filled.settings(), Options(limit=1))
    [(oldest, _)] = stored(filled).items()
    assert set(stored_readings(filled)) <= {oldest}
    assert report.pending == 2


def test_the_next_program_finds_the_oracle_right(filled: Database, tmp_path: Path) -> None:
    """Every kind of setting at once, from a file."""
    definition = Definition(
        reporting="Asia/Kolkata",
        clicks="America/Edmonton",
        applications="Europe/Berlin",
        count="human",
        machine_networks=("192.0.2.0/24",),
        trap_functions=("Trap",),
        sweep_links=2,
        functions={"LinkedIn": ("Resume",)},
    )
    filled.load(WORLD)
    run_all(filled.settings(definition_file=printed(tmp_path, definition)))
    assert stored(filled) == expected(WORLD, definition)
    assert stored_readings(filled) == readings(WORLD, definition)
