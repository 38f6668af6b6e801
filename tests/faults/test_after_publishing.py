"""What fails after the commit: the run was published, and the error says so. And what a metrics
file may be."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.answers.prometheus import kept_metrics, write_metrics
from pipeline.answers.status import status
from pipeline.errors import ClickstatsError, ConfigurationError, NoConnection
from pipeline.run import run_all
from tests.commands import as_process, clickstats
from tests.databases import Database
from tests.engines import reference, stored
from tests.holds import until_stopped

ENDED = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name like 'clickstats/%'
"""


def test_the_connection_is_lost_between_the_commit_and_the_metrics(
    database: Database, aside: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def job() -> None:
        with kept_metrics(database.settings(), str(tmp_path / "metrics.prom")):
            run_all(database.settings())
            cursor.execute("lock table clickstats_runs")

    with closing(database.connect()) as other, other.cursor() as cursor:
        running = aside.submit(job)
        until_stopped(database)
        database.execute(ENDED)
        with pytest.raises(NoConnection) as raised:
            running.result()
    said = str(raised.value)
    assert said.startswith("the run was published, but the metrics file was not written: the conn")
    assert "nothing was written" not in said
    assert "run again" not in said
    assert "\n" not in said
    assert stored(database) == reference(database)


@pytest.mark.parametrize("what", [["--all"], ["--app-id"]])
def test_a_metrics_file_that_cannot_be_written(database: Database, what: list[str]) -> None:
    """There is no run then."""
    [(application_id,)] = database.execute("select id::text from job_applications limit 1")
    named = [application_id] if what == ["--app-id"] else []
    before = status(database.settings()).runs
    file = ("--metrics-file", "/nowhere/m.prom")
    answer = clickstats("run", *what, *named, *file, database=database)
    assert (answer.code, answer.text) == (2, "")
    assert answer.errors == (
        "clickstats: cannot write /nowhere/m.prom: No such file or directory; nothing was done\n"
    )
    assert status(database.settings()).runs == before


def test_a_metrics_file_whose_folder_goes_during_the_run(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def job() -> None:
        with kept_metrics(database.settings(), str(folder / "m.prom")):
            run_all(database.settings())
            folder.rmdir()

    with pytest.raises(ConfigurationError) as raised:
        job()
    assert str(raised.value) == (
        "the run was published, but the metrics file was not written: cannot write "
        f"{folder}/m.prom: No such file or directory"
    )
    assert status(database.settings()).runs[0]["outcome"] == "published"


@pytest.mark.parametrize("output", ["text", "json"])
def test_an_output_that_cannot_be_written(database: Database, tmp_path: Path, output: str) -> None:
    """The metrics are written all the same."""
    file = tmp_path / "metrics.prom"
    with open("/dev/full", "wb") as full:
        answer = as_process(
            "run", "--all", "--format", output, "--metrics-file", str(file),
            database=database, output=full,
        )  # fmt: skip
    assert answer.code == 2
    assert answer.errors.splitlines()[-1] == (
        "clickstats: the run was published, but cannot write the output: No space left on device"
    )
    assert "clickstats_last_published_timestamp_seconds" in file.read_text()
    assert stored(database) == reference(database)


def test_a_metrics_file_behind_a_link(database: Database, tmp_path: Path) -> None:
    target, link = tmp_path / "target.prom", tmp_path / "link.prom"
    target.write_text("old")
    link.symlink_to(target)
    write_metrics(status(database.settings()), link)
    assert link.is_symlink()
    assert "clickstats_applications 30" in target.read_text()
    assert sorted(tmp_path.iterdir()) == [link, target]


def kind(path: Path) -> tuple[int, int]:
    """What it is, and which one."""
    found = path.lstat()
    return found.st_mode, found.st_ino


def test_a_metrics_file_that_is_no_file(database: Database, tmp_path: Path) -> None:
    """It stays what it is."""
    fifo, folder = tmp_path / "fifo", tmp_path / "folder"
    to_device, circle = tmp_path / "device", tmp_path / "circle"
    os.mkfifo(fifo)
    folder.mkdir()
    to_device.symlink_to("/dev/null")
    circle.symlink_to(circle)
    before = {path: kind(path) for path in (fifo, folder, to_device, circle)}
    found = status(database.settings())
    for path in (Path("/dev/null"), *before):
        with pytest.raises(ConfigurationError) as raised:
            write_metrics(found, path)
        assert "\n" not in str(raised.value)
    assert {path: kind(path) for path in before} == before
    assert Path("/dev/null").is_char_device()


def test_a_run_that_fails_says_nothing_of_publishing(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "metrics.prom"
    database.execute("alter table link_tracking rename column link_function to name")
    with pytest.raises(ClickstatsError) as raised, kept_metrics(database.settings(), str(file)):
        run_all(database.settings())
    assert "published" not in str(raised.value)
    assert "clickstats_last_attempt_published 0" in file.read_text()
