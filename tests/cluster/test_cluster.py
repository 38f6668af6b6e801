"""`run --all` on a real cluster of Spark: the same rows, whatever is killed, and no password."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.request import urlopen

import pytest

from pipeline.run import run_all
from tests.cluster.spark_cluster import (
    PATIENCE,
    Cluster,
    cluster,
    command_line,
    descendants,
    kill,
)
from tests.commands import MAIN, ROOT, as_process, inherited
from tests.databases import Database, fresh
from tests.engines import assert_exact
from tests.faults.conftest import EDITS, SOURCE
from tests.holds import HOLDS, held, until_stopped
from tests.waiting import wait_until

pytestmark = pytest.mark.slow(minutes=2)

# without user agents, which the driver reads itself
HOLD_TASKS = HOLDS.replace(", user_agent, ip_address", "")
LET_GO = "drop view link_clicks; alter table stored_clicks rename to link_clicks"
LOCKS = """
    select 1 from pg_locks where locktype = 'advisory' and objsubid = 2
        and database = (select oid from pg_database where datname = current_database())
"""
SESSIONS = """
    select 1 from pg_stat_activity
    where datname = current_database() and application_name like 'clickstats/%'
"""
LAST_RUN = "select outcome, exit_code from clickstats_runs order by started_at desc limit 1"


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def database(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """A published run, and edits since for which ten rows are to be inserted, ten updated."""
    with fresh(server_url, with_all_tables) as database:
        database.execute(SOURCE)
        run_all(database.settings(engine=None))
        database.execute(EDITS)
        yield database


@contextmanager
def running(
    database: Database, spark: Cluster, *arguments: str, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """`run --all` on the cluster, which ends with this at the latest."""
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "run", "--all", "--format", "json", *arguments],
        env=inherited()
        | {"CLICKSTATS_DATABASE_URL": database.url}
        | spark.environment
        | environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def on_cluster(
    database: Database, spark: Cluster, *arguments: str, **environment: str
) -> tuple[int, str, str]:
    """The exit code of `run --all` on the cluster, its output and what it says besides."""
    with running(database, spark, *arguments, **environment) as process:
        output, errors = process.communicate(timeout=2 * PATIENCE)
    return process.returncode, output, errors


def told(code: int, output: str, errors: str) -> dict[str, Any]:
    """The report, but for what differs between any two runs."""
    assert code == 0, errors
    report: dict[str, Any] = json.loads(output)
    for name in ("run_id", "snapshot_at", "seconds"):
        del report[name]
    for change in report.get("biggest_changes", []):
        change.pop("changed_at", None)
    return report


def test_the_same_as_on_one_machine(database: Database, spark: Cluster, server_url: str) -> None:
    with fresh(server_url, database.name) as other:
        for arguments in (["--dry-run"], [], [], ["--full"]):
            here = as_process("run", "--all", "--format", "json", *arguments, database=other)
            expected = told(here.code, here.text, here.errors)
            assert told(*on_cluster(database, spark, *arguments)) == expected
    assert_exact(database)


def test_killed_executors_change_nothing(database: Database, spark: Cluster) -> None:
    database.execute(HOLD_TASKS)
    with running(database, spark) as process:
        with held(database, "reading"):
            wait_until(lambda: process.poll() is not None or spark.executors(), PATIENCE)
            wait_for_a_task(database, process)
            killed = spark.executors()
            assert killed
            for pid in killed:
                kill(pid)
        output, errors = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, errors
    report = json.loads(output)
    assert (report["inserted"], report["updated"], report["clicks_read"]) == (10, 10, 320)
    database.execute(LET_GO)
    assert_exact(database)


def wait_for_a_task(database: Database, process: "subprocess.Popen[str]") -> None:
    """Wait until a task reads clicks, and is held."""
    deadline = monotonic() + PATIENCE
    while True:
        try:
            until_stopped(database)
        except AssertionError:
            assert process.poll() is None, process.communicate()
            assert monotonic() < deadline
        else:
            return


def test_a_killed_driver_leaves_nothing_and_no_lock(database: Database, spark: Cluster) -> None:
    database.execute(HOLD_TASKS)
    with running(database, spark) as process, held(database, "reading"):
        wait_for_a_task(database, process)
        process.kill()
        wait_until(lambda: not database.execute(LOCKS), 3)  # a second, on a machine of its own
        wait_until(lambda: not database.execute(SESSIONS), PATIENCE)
    assert database.execute(LAST_RUN) == [("running", None)]
    database.execute(LET_GO)
    assert run_all(database.settings(engine=None)).inserted == 10
    assert_exact(database)


def test_a_terminated_driver_cancels_its_jobs(database: Database, spark: Cluster) -> None:
    database.execute(HOLD_TASKS)
    with running(database, spark) as process, held(database, "reading"):
        wait_for_a_task(database, process)
        java = descendants([process.pid])
        begun = monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        assert monotonic() - begun < 6  # two seconds, on a machine of its own
        wait_until(lambda: not any("java" in command_line(pid) for pid in java))
        wait_until(lambda: not database.execute(SESSIONS))
    assert (process.returncode, "Traceback" in errors) == (143, False), errors
    assert database.execute(LAST_RUN) == [("failed", 143)]


def test_a_worker_without_clickstats(database: Database, spark: Cluster, tmp_path: Path) -> None:
    """One line, and nothing was locked."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    code, output, errors = on_cluster(database, spark, PYSPARK_PYTHON=str(bare / "bin/python"))
    assert (code, output) == (2, ""), errors
    [*_, line] = errors.splitlines()
    assert "a worker of the cluster has no Python module" in line
    assert "install clickstats[spark]" in line
    assert "Traceback" not in errors


def test_nobody_sees_the_password(
    database: Database, spark: Cluster, role: str, tmp_path: Path
) -> None:
    """Neither in Spark's interface, nor in its event log, nor in the list of processes."""
    database.execute(HOLD_TASKS)
    database.execute(f"grant pg_read_all_data, pg_write_all_data to {role}")
    password = role
    events = tmp_path / "events"
    events.mkdir()
    port = free_port()
    submit = (
        f"--conf spark.ui.port={port} --conf spark.eventLog.enabled=true "
        f"--conf spark.eventLog.dir={events.as_uri()} --conf spark.eventLog.compress=false "
    ) + spark.environment["PYSPARK_SUBMIT_ARGS"]
    seen = database.seen_by(role, f"{password}")
    with running(seen, spark, PYSPARK_SUBMIT_ARGS=submit) as process:
        with held(database, "reading"):
            wait_for_a_task(database, process)
            processes = [command_line(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")]
            interface = list(pages(port))
        output, errors = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, errors
    logged = [path.read_bytes().decode() for path in events.rglob("*") if path.is_file()]
    assert len(interface) > 5
    assert any("SparkListenerJobStart" in text for text in logged)
    for text in (*processes, *interface, *logged, output, errors):
        assert f":{password}@" not in text
        assert f"password={password}" not in text
        assert "://" + role not in text


def pages(port: int) -> Iterator[str]:
    """What Spark's interface and its REST API show."""
    base = f"http://127.0.0.1:{port}"
    api = f"{base}/api/v1/applications"
    [application] = json.loads(page(api))
    for name in ("environment", "jobs", "stages", "executors", "allexecutors", "storage/rdd"):
        yield page(f"{api}/{application['id']}/{name}")
    yield page(f"{api}/{application['id']}/sql?details=true&planDescription=true")
    for name in ("jobs/", "stages/", "storage/", "environment/", "executors/", "SQL/"):
        yield page(f"{base}/{name}")


def page(url: str) -> str:
    with urlopen(url) as answer:  # noqa: S310 (loopback)
        text: str = answer.read().decode()
        return text


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
