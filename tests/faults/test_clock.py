"""The server's clock was set back: what came last is told by the order of the runs, and a snapshot
in the future is no success."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.answers.overview import overview
from pipeline.answers.prometheus import write_metrics
from pipeline.answers.status import status
from pipeline.answers.verify import verify
from pipeline.errors import AuditFailed
from pipeline.migrate import migrate, problems
from pipeline.run import Options, run_all
from tests.commands import clickstats
from tests.databases import Database

FUTURE = """
update clickstats_runs
set started_at = started_at + interval '3 years', finished_at = finished_at + interval '3 years',
    snapshot_at = snapshot_at + interval '3 years'
"""
NUMBERS = "select id, number from clickstats_runs order by number"


@pytest.fixture
def set_back(database: Database) -> Database:
    """A published run, three years ahead of the clock, from before many applications came."""
    database.execute("delete from job_applications where random() < 0.5")
    run_all(database.settings(), Options(max_shrink=100))
    database.execute(FUTURE)
    return database


def test_a_snapshot_in_the_future_is_no_success(set_back: Database, tmp_path: Path) -> None:
    found = status(set_back.settings())
    assert found.is_from_future
    assert found.outdated is None
    answer = clickstats("status", database=set_back)
    assert answer.code == 0, answer.errors
    assert "lies in the future: the server's clock" in answer.text
    answer = clickstats("status", "--max-age", "26h", database=set_back)
    assert answer.code == 7
    assert "lies in the future: the server's clock" in answer.errors
    assert "run `clickstats run --all`" in answer.errors
    file = tmp_path / "metrics.prom"
    write_metrics(found, file)
    assert "clickstats_last_published_timestamp_seconds" not in {
        line.split()[0] for line in file.read_text().splitlines()
    }


def test_the_next_run_is_the_last_one(set_back: Database) -> None:
    report = run_all(set_back.settings())
    found = status(set_back.settings())
    assert found.last_published is not None
    assert found.last_attempt is not None
    assert found.last_published["id"] == found.last_attempt["id"] == report.run_id
    assert found.runs[0]["id"] == report.run_id
    assert found.age is not None
    assert timedelta() <= found.age < timedelta(minutes=5)
    assert verify(set_back.settings()).last_published == report.snapshot_at
    runs = overview(set_back.settings(), [], []).runs
    assert runs is not None
    assert runs[0]["id"] == report.run_id
    assert clickstats("status", "--max-age", "26h", database=set_back).code == 0


def test_the_audit_looks_at_the_run_before(set_back: Database) -> None:
    """Not for ever at the run whose snapshot lies in the future."""
    set_back.execute(
        "insert into job_applications (id) select gen_random_uuid() from generate_series(1, 900)"
    )
    run_all(set_back.settings())
    set_back.execute("delete from job_applications where job_id is null")
    with pytest.raises(AuditFailed, match="applications fell from 9"):
        run_all(set_back.settings())


def test_the_last_published_run_is_kept_however_old(database: Database) -> None:
    first = run_all(database.settings())
    database.execute("update clickstats_runs set started_at = started_at - interval '3 years'")
    second = run_all(database.settings(), Options(keep_days=1))
    kept = [run for run, _ in database.execute(NUMBERS)]
    assert kept == [first.run_id, second.run_id]
    database.execute("update clickstats_runs set started_at = started_at - interval '3 years'")
    third = run_all(database.settings(), Options(keep_days=1))
    assert [run for run, _ in database.execute(NUMBERS)] == [second.run_id, third.run_id]


def test_rows_from_before_are_numbered_as_they_ended(empty: Database) -> None:
    reports = [run_all(empty.settings()) for _ in range(3)]
    empty.execute(
        "alter table clickstats_runs drop column number;"
        "alter table clickstats_runs drop column definition, drop column fingerprint,"
        " drop column frozen, drop column readings_written, drop column readings_deleted,"
        " drop column clicks_by_class;"
        "drop view application_scores; drop table link_click_readings, link_click_score_changes;"
        "update clickstats_migrations set version_num = '0002'"
    )
    assert any("0002" in problem for problem in problems(empty.settings()))
    answer = clickstats("run", "--all", database=empty)
    assert answer.code == 5
    assert "migrate --check" in answer.errors
    assert "Traceback" not in answer.errors
    done = migrate(empty.settings())
    assert [revision[:4] for revision in done] == ["0003", "0004", "0005"]
    assert problems(empty.settings()) == []
    ids = [report.run_id for report in reports]
    assert empty.execute(NUMBERS)[:3] == [(run, at) for at, run in enumerate(ids, 1)]
    last = run_all(empty.settings())
    assert empty.execute(NUMBERS)[-1][0] == last.run_id
