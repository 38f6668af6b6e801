"""One measurement: a client as a process of its own, from its start to its end, and what it made
the server do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING

from benchmarks.datasets import COPY, Databases, Situation, execute, session
from benchmarks.peer import ROOT, Peer

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

BACKENDS = f"SELECT FROM pg_stat_activity WHERE datname = '{COPY}'"
LOG = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
COUNTERS = f"""
SELECT temp_bytes, n_tup_ins + n_tup_upd
FROM pg_stat_database, pg_stat_user_tables
WHERE datname = '{COPY}' AND relname = 'link_click_analytics'
"""
# of a traceback, all that comes before the error itself
FRAMES = re.compile(r'^  File ".*\n(?:    .*\n)*', re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """What one run took: seconds, bytes, and rows of the target that were written."""

    wall: float
    cpu: float  # of the client; the server's is not in it
    memory: int  # the client's at its peak
    wal: int
    temporary: int
    rows: int


class Failure(Exception):
    """The peer did not do its work: why, in one line."""


def measure(
    peer: Peer, databases: Databases, situation: Situation, application: str, timeout: float
) -> Figures:
    """Run the peer over the copy; its rows are compared with the expected ones, each and in full.

    Raises `Failure` when it ends badly, takes too long or leaves other rows than the expected.
    """
    before = _counters(databases)
    with session(databases.server.url()) as admin:
        execute(admin, "CHECKPOINT")
        [(log,)] = execute(admin, LOG)
        command = peer.command(application if situation.one_application else None)
        wall, cpu, memory, said = _run(command, databases.url(COPY, peer.login), timeout)
        _wait_for_backends(admin)  # they leave their statistics when they end
        [(log_after,)] = execute(admin, LOG)
    temporary, rows = (
        after - start for after, start in zip(_counters(databases), before, strict=True)
    )
    scope = (
        "benchmark.named"
        if situation.one_application
        else "benchmark.slice"
        if peer.sliced
        else None
    )
    if peer.writes and (wrong := databases.wrong_rows(scope)):
        raise Failure(wrong)
    own = json.loads(said) if peer.reports else {}
    scale = own.get("scale", 1)
    return Figures(
        wall=own.get("wall", wall),
        cpu=own.get("cpu", cpu),
        memory=memory,
        wal=round(int(log_after - log) * scale),
        temporary=round(temporary * scale),
        rows=round(rows * scale),
    )


def _run(command: list[str], url: str, timeout: float) -> tuple[float, float, int, str]:
    """Seconds, CPU seconds, bytes of memory at the peak, and the standard output of a process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_environment(), "CLICKSTATS_DATABASE_URL": url},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        timer = Timer(timeout, process.kill)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            timer.cancel()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            if wall > timeout:
                raise Failure(f"not done after {timeout:g} s")
            message = FRAMES.split(err.read().decode(errors="replace"))[-1]
            raise Failure(f"exit code {process.returncode}: {' '.join(message.split())[:300]}")
        out.seek(0)
        said = out.read().decode()
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, said


def _environment() -> dict[str, str]:
    """Ours, without what keeps Python from using compiled modules, as an installed program does."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _wait_for_backends(admin: Connection) -> None:
    for _ in range(100):
        if not execute(admin, BACKENDS):
            return
        time.sleep(0.05)


def _counters(databases: Databases) -> tuple[int, int]:
    """Temporary bytes and rows written in the copy so far."""
    with session(databases.server.url(COPY)) as reader:
        [(temporary, rows)] = execute(reader, COUNTERS)
        return temporary, rows
