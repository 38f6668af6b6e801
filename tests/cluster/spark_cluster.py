"""A standalone Spark cluster on loopback: one master, two workers, each with one core."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import FOR_SMALL_DATA

# the JVMs of a cluster start slowly on a machine that is busy
PATIENCE = 120


@dataclass(frozen=True)
class Cluster:
    """Where it is, and its processes."""

    url: str
    workers: tuple[int, ...]

    def executors(self) -> list[int]:
        """The process ids of the executors that run now."""
        return [
            pid
            for pid in descendants(self.workers)
            if "CoarseGrainedExecutorBackend" in command_line(pid)
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What a command is told, so that it stays on loopback."""
        return {
            "CLICKSTATS_ENGINE": self.url,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_SUBMIT_ARGS": FOR_SMALL_DATA,
        }


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster of two workers; its files are in the folder."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        pytest.skip("PySpark is not installed: make .venv/spark")
    if not (shutil.which("java") or "JAVA_HOME" in os.environ):
        pytest.skip("there is no Java")
    home = Path(spec.origin).parent
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }

    def daemon(name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = folder / f"{name}-{len(list(folder.iterdir()))}.log"
        with log.open("wb") as said:
            started = subprocess.Popen(
                [home / "bin/spark-class", f"org.apache.spark.deploy.{name}", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        stack.callback(end, started)
        return started, log

    with ExitStack() as stack:
        _, log = daemon("master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        url = said_in(log, r"(spark://127\.0\.0\.1:\d+)")
        options = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0")
        workers = [daemon("worker.Worker", *options, url) for _ in range(2)]
        for _, log in workers:
            said_in(log, r"(Successfully registered)")
        yield Cluster(url, tuple(process.pid for process, _ in workers))


def said_in(log: Path, pattern: str) -> str:
    """What a process has said that fits the pattern, as soon as it has."""

    def found() -> re.Match[str] | None:
        return re.search(pattern, log.read_text())

    deadline = time.monotonic() + PATIENCE
    while not (match := found()):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return match[1]


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that we have started, and those that it has started."""
    own = descendants([process.pid])
    process.kill()
    process.wait()
    for pid in own:
        kill(pid)


def kill(pid: int) -> None:
    """Kill a process, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pids: tuple[int, ...] | list[int]) -> list[int]:
    """The processes that these have started, and so on."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = list(pids)
    for parent in found:
        found.extend(pid for pid, its in parents.items() if its == parent)
    return found[len(pids) :]


def command_line(pid: int) -> str:
    """How a process was started."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
