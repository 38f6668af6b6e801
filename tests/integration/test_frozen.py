"""Frozen applications keep their stored rows, where raw clicks are deleted by age."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pipeline.answers.overview import overview
from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.errors import ConfigurationError
from pipeline.run import Options, run_all, run_named
from tests.commands import clickstats
from tests.databases import CopyOf, Database
from tests.definitions import written
from tests.engines import stored, stored_readings

# Application n was made n days and an hour ago, and its two links clicked soon after.
SOURCE = """
insert into job_applications (id, created_at)
    select md5('application' || n)::uuid,
        now() at time zone 'utc' - n * interval '1 day' - interval '1 hour'
    from generate_series(0, 49) as n;
insert into link_tracking (tracking_id, application_id, link_function)
    select f || n, md5('application' || n)::uuid, f
    from generate_series(0, 49) as n, unnest(array['LinkedIn', 'Calendly']) as f;
insert into link_clicks (tracking_id, clicked_at)
    select tracking_id, created_at + interval '30 minutes'
    from link_tracking join job_applications on id = application_id
"""
NIGHT = """
    delete from link_clicks
    where click_id in (select click_id from link_clicks order by clicked_at limit 10)
"""
EMPTY = "select count(*) from link_click_analytics where engagement_score + intent_score = 0"
UNTOUCHED = """
    select tableoid, application_id, xmin::text, ctid from link_click_analytics
    union all select tableoid, application_id, xmin::text, ctid from link_click_readings
    order by 1, 2
"""
FEWER = "applications have fewer clicks than stored"


@pytest.fixture
def filled(database: Database) -> Database:
    database.execute(SOURCE)
    return database


@pytest.fixture
def frozen(copy_of: CopyOf) -> Database:
    """After a run, by which applications of more than 20 days are frozen from then on."""
    return copy_of(computed)


def computed(database: Database) -> None:
    database.execute(SOURCE)
    with TemporaryDirectory() as folder:
        run_all(database.settings(definition_file=freezing(Path(folder), 20)))


def freezing(folder: Path, days: int, more: str = "") -> str:
    return written(folder, f"[applications]\nfrozen_after_days = {days}\n{more}")


def application(database: Database, number: int) -> str:
    [(found,)] = database.execute("select md5(%s)::uuid::text", (f"application{number}",))
    return str(found)


def test_where_clicks_are_deleted_by_age_scores_go(filled: Database) -> None:
    """Each run warns of it, and says how many."""
    run_all(filled.settings())
    for night in range(1, 6):
        filled.execute(NIGHT)
        tried = dry_run(filled.settings()).report
        report = run_all(filled.settings())
        assert tried.warnings == report.warnings
        [warning] = report.warnings
        assert warning == (
            f"5 {FEWER}: where old clicks are deleted, [applications] frozen_after_days keeps what "
            "is stored"
        )
        assert report.with_fewer_clicks == 5
        assert filled.execute(EMPTY) == [(5 * night,)]
    assert run_all(filled.settings()).warnings == []
    [(warnings,)] = filled.execute(
        "select warnings from clickstats_runs order by number desc limit 1 offset 1"
    )
    assert FEWER in warnings[0]


def test_a_frozen_application_keeps_them(frozen: Database) -> None:
    rows, readings = stored(frozen), stored_readings(frozen)
    before = frozen.execute(UNTOUCHED)
    for _ in range(5):
        frozen.execute(NIGHT)
        tried = dry_run(frozen.settings()).report
        report = run_all(frozen.settings())
        assert (tried.frozen, tried.updated, tried.readings_deleted) == (30, 0, 0)
        assert (report.frozen, report.unchanged, report.warnings) == (30, 20, [])
        assert (report.readings_written, report.readings_deleted) == (0, 0)
    assert (stored(frozen), stored_readings(frozen)) == (rows, readings)
    assert frozen.execute(UNTOUCHED) == before
    assert frozen.execute("select frozen from clickstats_runs order by number desc limit 1") == [
        (30,)
    ]


def test_an_open_one_with_fewer_clicks_is_worth_a_warning_nevertheless(frozen: Database) -> None:
    frozen.execute("delete from link_clicks where tracking_id in ('LinkedIn0', 'LinkedIn40')")
    report = run_all(frozen.settings())
    assert (report.updated, report.with_fewer_clicks) == (1, 1)


def test_another_definition_is_no_loss_of_clicks(filled: Database, tmp_path: Path) -> None:
    """Which of them count is another question."""
    run_all(filled.settings())
    for definition in ("[clicks]\ncount = 'human'\nsweep_links = 2", ""):
        report = run_all(filled.settings(definition_file=written(tmp_path, definition)))
        assert (report.updated, report.with_fewer_clicks) == (50, 0)
        assert not any(FEWER in warning for warning in report.warnings)


@pytest.mark.parametrize("more", ["", "[clicks]\ncount = 'human'"], ids=["all", "human"])
def test_one_that_thaws_is(frozen: Database, tmp_path: Path, more: str) -> None:
    """Also the dry run by which it is tried out says what would be lost."""
    frozen.execute(NIGHT)
    definition_file = written(tmp_path, more)
    for report in (
        dry_run(frozen.settings(definition_file=definition_file)).report,
        run_all(frozen.settings(definition_file=definition_file)),
    ):
        assert report.with_fewer_clicks == 5
        assert any(f"5 {FEWER}" in warning for warning in report.warnings)


def test_only_open_ones_are_said_to_be_decided_by_machines(frozen: Database) -> None:
    """The clicks that are left of a frozen application have decided nothing."""
    frozen.execute("update link_clicks set user_agent = 'curl/8'")
    for report in (dry_run(frozen.settings()).report, run_all(frozen.settings())):
        [warning] = report.warnings
        assert warning.startswith("machine clicks decide the scores of 20 applications")


def test_one_without_a_row_is_computed_once(frozen: Database) -> None:
    """From the clicks that are there by then."""
    late = application(frozen, 40)
    for table in ("link_click_analytics", "link_click_readings"):
        frozen.execute(f"delete from {table} where application_id = %s", (late,))
    report = run_all(frozen.settings())
    assert (report.inserted, report.frozen, report.readings_written) == (1, 29, 1)
    frozen.execute("delete from link_clicks")
    report = run_all(frozen.settings(), Options(max_shrink=100))
    assert (report.inserted, report.updated, report.frozen) == (0, 20, 30)
    assert sum(row.total_click_events for row in stored(frozen).values()) == 60


def test_readings_that_are_gone_are_computed_once_while_all_clicks_are_there(
    frozen: Database,
) -> None:
    """As after only one of the two tables was restored."""
    rows, readings = stored(frozen), stored_readings(frozen)
    late, cut = application(frozen, 40), application(frozen, 41)
    frozen.execute("delete from link_click_readings where application_id in %s", ((late, cut),))
    frozen.execute("delete from link_clicks where tracking_id = 'LinkedIn41'")
    tried = dry_run(frozen.settings()).report
    report = run_all(frozen.settings())
    for seen in (tried, report):
        assert (seen.frozen, seen.unchanged, seen.updated, seen.readings_written) == (29, 21, 0, 1)
    assert stored(frozen) == rows
    assert stored_readings(frozen) == {
        name: row for name, row in readings.items() if str(name) != cut
    }
    assert run_all(frozen.settings()).frozen == 30


def test_so_are_readings_of_clicks_that_do_not_count(filled: Database, tmp_path: Path) -> None:
    """Without them both readings would seem to be that of human clicks."""
    filled.execute("update link_clicks set user_agent = 'curl/8' where tracking_id like '%40'")
    by = freezing(tmp_path, 20, '[clicks]\ncount = "human"')
    run_all(filled.settings(definition_file=by))
    rows, readings = stored(filled), stored_readings(filled)
    filled.execute("truncate link_click_readings")
    run_all(filled.settings())
    assert (stored(filled), stored_readings(filled)) == (rows, readings)
    assert run_all(filled.settings()).frozen == 30


def test_a_full_run_does_not_thaw(frozen: Database) -> None:
    before = set(frozen.execute(UNTOUCHED))
    frozen.execute(NIGHT)
    report = run_all(frozen.settings(), Options(full=True))
    assert (report.updated, report.frozen, report.readings_written) == (20, 30, 20)
    assert len(before & set(frozen.execute(UNTOUCHED))) == 60


def test_another_definition_does_not_thaw(frozen: Database, tmp_path: Path) -> None:
    """Frozen rows keep theirs."""
    before = set(frozen.execute(UNTOUCHED))
    file = freezing(tmp_path, 20, "[functions]\nResume = ['LinkedIn']")
    report = run_all(frozen.settings(definition_file=file))
    assert (report.updated, report.frozen) == (20, 30)
    assert len(before & set(frozen.execute(UNTOUCHED))) == 60


def test_a_report_by_another_definition_shows_what_they_keep(
    frozen: Database, tmp_path: Path
) -> None:
    frozen.execute(NIGHT)
    file = freezing(tmp_path, 20, "[functions]\nResume = ['LinkedIn']")
    tried = overview(frozen.settings(definition_file=file))
    run_all(frozen.settings(definition_file=file))
    published = overview(frozen.settings())
    assert tried.definition["is_other"]
    assert not published.definition["is_other"]
    assert published.totals["clicks"] == 100
    for name in ("readings", "joint", "functions", "sequences", "rules", "top"):
        assert getattr(tried, name) == getattr(published, name), name


def test_a_report_of_human_clicks_shows_what_they_keep(filled: Database, tmp_path: Path) -> None:
    """Times to the first of all clicks, too, where all are human."""
    file = freezing(tmp_path, 20, "[clicks]\ncount = 'human'")
    run_all(filled.settings(definition_file=file))
    before = overview(filled.settings())
    filled.execute(NIGHT)
    run_all(filled.settings())
    assert overview(filled.settings()).readings == before.readings
    assert before.readings["all"]["response"]["after"] == 50


def test_a_named_run_refuses(frozen: Database) -> None:
    """Unless it is told to thaw; nothing is done of what else was asked."""
    frozen.execute("delete from link_clicks")
    old, new = application(frozen, 40), application(frozen, 0)
    before = frozen.execute(UNTOUCHED)
    answer = clickstats("run", "--app-id", new, "--app-id", old, database=frozen)
    assert answer.code == 2
    [line] = [line for line in answer.errors.splitlines() if line.startswith("clickstats: ")]
    assert f"frozen, by frozen_after_days: {old}; nothing was done; --thaw" in line
    assert new not in line
    assert frozen.execute(UNTOUCHED) == before

    answer = clickstats("run", "--app-id", old, "--thaw", "--format", "json", database=frozen)
    [row] = json.loads(answer.text)
    assert (row["application_id"], row["total_click_events"]) == (old, 0)
    assert len(stored_readings(frozen)) == 49
    run_named(frozen.settings(), [new])


def test_thaw_goes_with_named_applications(frozen: Database) -> None:
    answer = clickstats("run", "--all", "--thaw", database=frozen)
    assert (answer.code, answer.output) == (2, b"")
    assert "--thaw goes with --app-id" in answer.errors


def test_a_frozen_application_without_a_row_may_be_named(filled: Database, tmp_path: Path) -> None:
    file = freezing(tmp_path, 20)
    old = application(filled, 40)
    run_named(filled.settings(definition_file=file), [old])
    with pytest.raises(ConfigurationError, match=old):
        run_named(filled.settings(definition_file=file), [old])


CHANGES: dict[str, Callable[[Database], Any]] = {
    "clicks deleted": lambda database: database.execute("delete from link_clicks"),
    "late clicks": lambda database: database.execute(
        "insert into link_clicks (tracking_id, clicked_at)"
        " select tracking_id, clicked_at + interval '1 minute' from link_clicks"
    ),
    "nothing": lambda database: None,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_verify_counts_them_and_does_not_compare(
    frozen: Database, change: Callable[[Database], Any]
) -> None:
    """Not even where only one table has a row."""
    frozen.execute("delete from link_clicks where tracking_id like '%41'")
    run_named(frozen.settings(), [application(frozen, 41)], thaw=True)  # has no readings now
    frozen.execute("insert into link_clicks (tracking_id, clicked_at) values ('LinkedIn41', now())")
    change(frozen)
    run_all(frozen.settings(), Options(max_shrink=100))
    found = verify(frozen.settings())
    assert (found.applications, found.frozen, found.differences) == (20, 30, [])
    answer = clickstats("verify", "--format", "json", database=frozen)
    assert (answer.code, json.loads(answer.text)["frozen"]) == (0, 30)


def test_verify_compares_the_others(frozen: Database) -> None:
    frozen.execute("update link_click_analytics set intent_score = 1")
    found = verify(frozen.settings())
    assert (found.frozen, len(found.differences)) == (30, 20)


def test_local_times_decide_by_their_instant(filled: Database, tmp_path: Path) -> None:
    """East of UTC clocks are ahead: taken for UTC, an application of 20 days and 7 hours ago would
    seem to be 19 days and 17 hours old."""
    filled.execute("update job_applications set created_at = created_at + interval '14 hours'")
    local = freezing(tmp_path, 20, "[time]\napplications = 'Pacific/Kiritimati'")
    run_all(filled.settings(definition_file=local))
    filled.execute("delete from link_clicks")
    tried = dry_run(filled.settings(), Options(max_shrink=100)).report
    report = run_all(filled.settings(), Options(max_shrink=100))
    assert tried.frozen == report.frozen == 30
    found = verify(filled.settings())
    assert (found.frozen, found.differences) == (30, [])

    # taken for UTC, the one of 20 days and an hour ago is open
    in_utc = freezing(tmp_path, 20)
    assert run_all(filled.settings(definition_file=in_utc), Options(max_shrink=100)).frozen == 29


def test_an_application_without_a_time_is_never_frozen(frozen: Database) -> None:
    frozen.execute("update job_applications set created_at = null")
    assert run_all(frozen.settings()).frozen == 0
    assert verify(frozen.settings()).frozen == 0


def test_explain_says_that_it_is_frozen(frozen: Database) -> None:
    """It does not say that a run renews it. A row that is right is up to date, frozen or not."""
    frozen.execute("delete from link_clicks where tracking_id like '%40' or tracking_id like '%n1'")
    old, new, right = (application(frozen, number) for number in (40, 1, 41))
    answer = clickstats("explain", old, new, right, "--format", "json", database=frozen)
    states = [one["stored"]["state"] for one in json.loads(answer.text)]
    assert states == ["frozen", "out of date", "current"]
    text = " ".join(clickstats("explain", old, database=frozen).text.split())
    assert "stored row: frozen, calculated" in text
    assert "only `clickstats run --app-id ID --thaw` renews it" in text
