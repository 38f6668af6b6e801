"""`run --changed`: what it computes, what it leaves, and what it tells."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.answers.changes import changes
from pipeline.capture import turn_off, turn_on
from pipeline.changed import run_changed
from pipeline.dry_run import dry_run
from pipeline.errors import ConfigurationError, NoConnection
from pipeline.run import Options, run_all, run_named
from pipeline.run_steps import Step
from pipeline.settings import Sizes
from tests.capturing import CLICK, WAITING, begun
from tests.commands import clickstats
from tests.databases import Database
from tests.definitions import printed
from tests.drawings import named, world_drawn
from tests.engines import assert_exact, stored, stored_readings
from tests.holds import at
from tests.integration.test_another_definition import CIRCUMSTANCES
from tests.oracle import Definition

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2026-03-01 10:00
    B           | J   | 2026-03-02 10:00
    C           | J   | 2026-03-03 10:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Calendly
    c    | C           | Resume

    link | clicked at
    a    | 2026-03-03 11:00
    b    | 2026-03-04 11:00
    """
).world
A, B, C, J = (str(named(name)) for name in "ABCJ")
ROWS = "select application_id::text, xmin::text from link_click_analytics"
LEDGER = """
    select command, outcome, options ->> 'rounds', applications, inserted, updated, unchanged,
        clicks_read
    from clickstats_runs order by number desc
"""


@pytest.fixture
def done(database: Database) -> Database:
    """Capture is on, and everything that it told of is done."""
    return begun(database, WORLD)


def test_the_first_round_is_a_run_of_everything(done: Database) -> None:
    assert_exact(done)
    assert done.execute(LEDGER)[0][:2] == ("run --all", "published")
    assert done.execute(WAITING) == [(0,)]


def test_it_computes_what_changed_and_nothing_else(done: Database) -> None:
    before = dict(done.execute(ROWS))
    done.execute(CLICK, ("a",))
    done.execute("update job_applications set created_at = created_at where id = %s", (B,))
    report = run_changed(done.settings())
    after = dict(done.execute(ROWS))
    assert {key for key in after if after[key] != before[key]} == {A}
    counts = (report.applications, report.inserted, report.updated, report.unchanged)
    assert (counts, report.clicks_read, report.score_changes) == ((1, 0, 1, 0), 2, 1)
    assert_exact(done)
    [change] = changes(done.settings(), timedelta(hours=1), limit=9).changes
    assert (change["application_id"], str(change["run_id"])) == (A, report.run_id)


def test_what_is_right_already_is_confirmed(done: Database) -> None:
    """Its `calculated_at` moves, so that an older snapshot does not overwrite it."""
    [(earlier,)] = done.execute("select max(calculated_at) from link_click_analytics")
    done.execute("delete from link_clicks where tracking_id = 'a'")
    done.execute(
        "insert into link_clicks (tracking_id, clicked_at) values ('a', '2026-03-03 11:00')"
    )
    report = run_changed(done.settings())
    assert (report.updated, report.unchanged) == (0, 1)
    at = """
        select calculated_at > %s, updated_at > %s from link_click_analytics
        where application_id = %s
    """
    assert done.execute(at, (earlier, earlier, A)) == [(True, False)]


def test_nothing_to_do_leaves_no_trace(done: Database) -> None:
    runs, rows = done.execute(LEDGER), done.execute(ROWS)
    report = run_changed(done.settings())
    assert (report.applications, report.seconds) == (0, {})
    assert (done.execute(LEDGER), done.execute(ROWS)) == (runs, rows)


def test_clicks_of_nobody_are_done_too(done: Database) -> None:
    done.execute(CLICK, ("nowhere",))
    assert run_changed(done.settings()).applications == 0
    assert done.execute(WAITING) == [(0,)]


def test_rounds_of_an_hour_share_a_row_of_the_ledger(done: Database) -> None:
    """Unless the hour changes between them, which opens another row."""
    for link in ("a", "b", "b"):
        done.execute(CLICK, (link,))
        run_changed(done.settings())
    rows = [row for row in done.execute(LEDGER) if row[0] == "run --changed"]
    sums = [sum(int(row[number]) for row in rows) for number in range(2, 8)]
    assert sums == [3, 3, 0, 3, 0, 2 + 2 + 3]
    assert len(rows) <= 2
    done.execute("update clickstats_runs set started_at = started_at - interval '1 hour'")
    done.execute(CLICK, ("a",))
    run_changed(done.settings())
    assert done.execute(LEDGER)[0][:3] == ("run --changed", "published", "1")


def test_a_round_is_the_last_run_also_where_the_sequence_of_the_ledger_is_behind(
    done: Database,
) -> None:
    for _ in range(3):
        run_all(replace(done.settings(), run_id=str(uuid4())))
    done.execute("alter sequence clickstats_runs_number_seq restart")
    for rounds in ("1", "2"):
        done.execute(CLICK, ("a",))
        run_changed(done.settings())
        assert done.execute(LEDGER)[0][:3] == ("run --changed", "published", rounds)


def test_a_failure_has_a_row_of_its_own_and_loses_nothing(done: Database) -> None:
    done.execute(CLICK, ("a",))
    before = stored(done)

    def fail(step: str) -> None:
        if step == "commit":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_changed(done.settings(), before=fail)
    assert done.execute(LEDGER)[0][:2] == ("run --changed", "failed")
    assert (stored(done), done.execute(WAITING)) == (before, [(1,)])
    run_changed(done.settings())
    assert_exact(done)


def test_a_connection_lost_after_the_commit(
    done: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Each round of an hour is found in the ledger."""

    def lose() -> None:
        raise NoConnection("lost")

    for rounds in ("1", "2"):
        done.execute(CLICK, ("a",))
        settings = replace(done.settings(), run_id=str(uuid4()))
        assert run_changed(settings, before=at("end", lose)).updated == 1
        assert caplog.records.pop().message == "published before this came: lost"
        assert [row[:3] for row in done.execute(LEDGER)] == [
            ("run --changed", "published", rounds),
            ("run --all", "published", None),
        ]


def test_a_writer_that_was_open_meanwhile_is_not_lost(done: Database) -> None:
    """It holds a lower number than a change that was computed before it ended."""
    with closing(done.connect()) as other, other.cursor() as cursor:
        cursor.execute(CLICK, ("a",))
        done.execute(CLICK, ("b",))
        assert run_changed(done.settings()).applications == 1
        other.commit()
    assert run_changed(done.settings()).applications == 1
    assert_exact(done)


def test_a_change_during_the_round_waits_for_the_next(done: Database) -> None:
    done.execute(CLICK, ("a",))

    def click(step: str) -> None:
        if step == "write":
            done.execute(CLICK, ("a",))

    run_changed(done.settings(), before=click)
    assert done.execute(WAITING) == [(1,)]
    run_changed(done.settings())
    assert_exact(done)


@pytest.mark.parametrize("run", [run_changed, run_all])
def test_a_change_with_the_number_of_an_earlier_one_waits_too(
    done: Database, run: Callable[..., object]
) -> None:
    """Rows that came by logical replication come without the sequence of their numbers."""
    done.execute("truncate clickstats_changes; alter table clickstats_changes alter number restart")
    done.execute(CLICK, ("a",))
    done.execute("alter table clickstats_changes alter number restart")
    run(done.settings(), before=at("write", lambda: done.execute(CLICK, ("b",))))
    assert done.execute("select number, tracking_id from clickstats_changes") == [(1, "b")]
    run_changed(done.settings())
    assert_exact(done)


def test_a_job_that_goes_and_comes_back(database: Database) -> None:
    """The applications keep it, by a deferred key without an action; our rows lose it at once."""
    database.load(WORLD)
    database.execute(
        "alter table job_applications add foreign key (job_id) references jobs"
        " deferrable initially deferred"
    )
    turn_on(database.settings())
    run_changed(database.settings())
    database.execute("delete from jobs; insert into jobs values (%s)", (J,))
    run_changed(database.settings())
    assert_exact(database)


@pytest.mark.parametrize(
    ("action", "keeping"),
    [
        ("cascade", "create trigger keep before delete on job_applications for each row {kept}"),
        ("set null", "create trigger keep before update on job_applications for each row {kept}"),
        (
            "cascade",
            "create rule keep as on delete to job_applications"
            " where old.application_status is null do instead nothing",
        ),
        (
            "set null",
            "create rule keep as on update to job_applications"
            " where new.job_id is null do instead nothing",
        ),
        ("set null", "alter table jobs disable trigger all"),
    ],
)
def test_a_job_that_comes_back_to_applications_that_kept_it(
    database: Database, action: str, keeping: str
) -> None:
    """What keeps rows that are deleted keeps them from the action of a foreign key, too; so it is
    where that is off."""
    database.load(WORLD)
    database.execute(
        f"alter table job_applications add foreign key (job_id) references jobs on delete {action};"
        "create function keep() returns trigger language plpgsql as 'begin return null; end'"
    )
    turn_on(database.settings())
    run_changed(database.settings())
    database.execute(keeping.format(kept="execute function keep()"))
    with pytest.raises(ConfigurationError, match="no trigger tells of each insert on jobs"):
        run_changed(database.settings())
    turn_on(database.settings())
    for change in ("delete from jobs where id = %s", "insert into jobs values (%s)"):
        database.execute(change, (J,))
        run_changed(database.settings())
        assert_exact(database)


def test_a_limit_leaves_what_it_leaves(done: Database) -> None:
    for link in ("c", "b", "a"):
        done.execute(CLICK, (link,))
    report = run_changed(done.settings(), Options(limit=2))
    assert (report.updated, report.pending) == (2, 1)
    assert done.execute("select tracking_id from clickstats_changes") == [("c",)]
    assert run_changed(done.settings(), Options(limit=2)).pending == 0
    assert_exact(done)


def test_run_all_takes_what_it_saw_but_for_what_is_pending(done: Database) -> None:
    for link in ("c", "b", "a", "nowhere"):
        done.execute(CLICK, (link,))
    report = run_all(done.settings(), Options(limit=1))
    assert (report.updated, report.pending, report.missed_by_capture) == (1, 2, 0)
    waiting = "select tracking_id from clickstats_changes order by 1"
    assert done.execute(waiting) == [("b",), ("c",)]
    run_all(done.settings())
    assert done.execute(waiting) == []


def test_run_all_mends_and_counts_what_was_missed(done: Database) -> None:
    with closing(done.connect()) as replica, replica, replica.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(CLICK, ("a",))
        cursor.execute(CLICK, ("c",))
    done.execute(CLICK, ("c",))
    assert run_changed(done.settings()).applications == 1
    assert dry_run(done.settings()).report.missed_by_capture == 1
    report = run_all(done.settings())
    assert report.missed_by_capture == 1
    assert any("missed by capture: 1 row" in warning for warning in report.warnings)
    assert run_all(done.settings()).missed_by_capture == 0
    turn_off(done.settings())
    assert run_all(done.settings()).missed_by_capture is None


def test_another_definition_is_no_fault_of_capture(done: Database) -> None:
    report = run_all(done.settings(timezone="Asia/Kolkata"))
    assert (report.updated, report.missed_by_capture) == (2, None)


def test_another_definition_is_refused(done: Database, tmp_path: Path) -> None:
    done.execute(CLICK, ("a",))
    file = printed(tmp_path, Definition("Asia/Kolkata"))
    with pytest.raises(ConfigurationError, match="another definition"):
        run_changed(done.settings(definition_file=file))
    assert done.execute(WAITING) == [(1,)]


def test_another_definition_is_refused_also_when_nothing_waits(done: Database) -> None:
    answer = clickstats("run", "--changed", "--timezone", "Asia/Kolkata", database=done)
    assert (answer.code, "another definition" in answer.errors) == (2, True)
    assert clickstats("run", "--changed", "--timezone", "UTC", database=done).code == 0


@pytest.mark.parametrize("key", CIRCUMSTANCES)
def test_other_circumstances_are_refused_also_where_everything_is_due(
    done: Database, key: str
) -> None:
    """Of another role, for instance, that may not read user agents."""
    done.execute("update link_clicks set user_agent = 'curl/8.5.0'")
    run_changed(done.settings())
    before = stored_readings(done)
    done.execute("insert into clickstats_changes default values")
    done.execute(CIRCUMSTANCES[key])
    for way in (run_changed, partial(dry_run, changed=True)):
        with pytest.raises(ConfigurationError, match=f"{key} was "):
            way(done.settings())
    assert stored_readings(done) == before
    run_all(done.settings())
    done.execute("insert into clickstats_changes default values")
    run_changed(done.settings())
    assert done.execute(WAITING) == [(0,)]


@pytest.mark.parametrize("way", ["truncate", "delete from"])
def test_an_emptied_ledger_is_not_gone_on_from(done: Database, way: str, tmp_path: Path) -> None:
    """By which definition the stored rows are, nobody knows then; the built-in one would take from
    frozen applications what they have, before anybody can restore the ledger."""
    run_all(done.settings(definition_file=printed(tmp_path, Definition(), frozen_after_days=30)))
    done.execute(f"create table old as table clickstats_runs; {way} clickstats_runs")
    done.execute("delete from link_clicks")
    before = stored(done), stored_readings(done)
    for run in (run_changed, partial(dry_run, changed=True)):
        with pytest.raises(ConfigurationError, match="no published run although rows are stored"):
            run(done.settings())
    assert (stored(done), stored_readings(done)) == before
    done.execute("insert into clickstats_runs overriding system value table old")
    run_changed(done.settings(), Options(max_shrink=100))
    assert (stored(done), stored_readings(done)) == before


def test_without_a_published_run_everything_is_computed(database: Database) -> None:
    database.load(WORLD)
    turn_on(database.settings())
    run_named(database.settings(timezone="Asia/Kolkata"), [A])
    run_changed(database.settings())
    assert_exact(database)


def test_frozen_applications_keep_their_rows(done: Database, tmp_path: Path) -> None:
    definition = printed(tmp_path, Definition(), frozen_after_days=30)
    run_all(done.settings(definition_file=definition))
    done.execute("delete from link_clicks")
    report = run_changed(done.settings())
    assert (report.frozen, report.updated, done.execute(WAITING)) == (2, 0, [(0,)])


@pytest.mark.parametrize("statement", ["truncate link_clicks", "delete from link_clicks"])
def test_everything_is_a_run_of_everything(done: Database, statement: str) -> None:
    done.execute(
        "insert into link_clicks (tracking_id) select 'x' || n from generate_series(1, 20000) n"
    )
    run_changed(done.settings())
    done.execute(statement)
    assert run_changed(done.settings(), Options(max_shrink=100)).applications == 3
    assert done.execute(LEDGER)[0][0] == "run --all"
    assert_exact(done)


def test_more_than_a_slice_is_a_run_of_everything(done: Database) -> None:
    for link in ("a", "b"):
        done.execute(CLICK, (link,))
    run_changed(done.settings(sizes=replace(Sizes(), applications=1)))
    assert done.execute(LEDGER)[0][0] == "run --all"
    assert done.execute(WAITING) == [(0,)]


def test_a_dry_run_says_what_it_would_do(done: Database) -> None:
    done.execute(CLICK, ("c",))
    before = stored(done)
    tried = dry_run(done.settings(), changed=True).report
    assert (tried.applications, tried.updated) == (1, 1)
    assert (stored(done), done.execute(WAITING)) == (before, [(1,)])


def test_capture_must_be_on_and_whole(done: Database) -> None:
    done.execute("alter table link_clicks disable trigger clickstats_capture_insert")
    with pytest.raises(ConfigurationError, match="insert on link_clicks is disabled"):
        run_changed(done.settings())
    turn_off(done.settings())
    with pytest.raises(ConfigurationError, match="change capture is off"):
        run_changed(done.settings())


def test_as_json_it_is_the_report_of_a_run(done: Database) -> None:
    nothing = json.loads(clickstats("run", "--changed", "--format", "json", database=done).text)
    done.execute(CLICK, ("a",))
    one = json.loads(clickstats("run", "--changed", "--format", "json", database=done).text)
    assert nothing.keys() == one.keys()
    assert (nothing["applications"], one["applications"]) == (0, 1)
    assert nothing["timezone"] == one["timezone"] == "UTC"


@pytest.mark.parametrize("step", ["audit", "write"])
def test_capture_turned_off_and_on_during_a_run(database: Database, step: Step) -> None:
    """Numbers begin anew: the row for everything has the number of the one that the run saw."""
    database.load(WORLD)
    settings = database.settings()
    turn_on(settings)

    def anew() -> None:
        database.execute(CLICK, ("a",))
        turn_off(settings)
        turn_on(settings)

    run_all(settings, before=at(step, anew))
    assert database.execute(WAITING) == [(1,)]
    run_changed(replace(settings, run_id=str(uuid4())))
    assert_exact(database)
