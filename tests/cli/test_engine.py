"""`run --all --engine`, where it cannot work: one line, an exit code, and nothing was done."""

import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.commands import MAIN, ROOT, clickstats, inherited
from tests.databases import Database

STARTED = "select count(*) from clickstats_runs"


def test_an_engine_that_is_none(database: Database) -> None:
    answer = clickstats("run", "--all", "--engine", "sprak://host", database=database)
    assert (answer.code, answer.output) == (2, b"")
    assert "'sprak://host' is no engine; expected spark://HOST:PORT, local[N]" in answer.errors
    assert database.execute(STARTED) == [(0,)]


def test_without_the_extra(database: Database) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules['pyspark'] = None; {MAIN}",
            "run",
            "--all",
        ],
        env=inherited()
        | {"CLICKSTATS_DATABASE_URL": database.url, "CLICKSTATS_ENGINE": "local[2]"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(
        "an engine needs the package pyspark: pip install 'clickstats[spark]'"
    )
    assert database.execute("select outcome, exit_code from clickstats_runs") == [("failed", 2)]


def test_a_master_that_cannot_be_reached(database: Database) -> None:
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed: make .venv/spark")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        engine = f"spark://127.0.0.1:{nobody.getsockname()[1]}"
        answer = clickstats("run", "--all", "--engine", engine, database=database)
    assert (answer.code, answer.output) == (3, b"")
    assert f"cannot connect to {engine}; nothing was done" in answer.errors


def test_nothing_of_spark_is_loaded_without_an_engine(database: Database) -> None:
    code = (
        "import sys; from pipeline.run import run_all; from pipeline.settings import Settings; "
        "run_all(Settings(sys.argv[1])); "
        "sys.exit('pyspark' in sys.modules or 'pipeline.spark' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, database.url], cwd=ROOT, check=True)
