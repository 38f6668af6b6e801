"""A command that does not end by itself, as a process, while it is measured."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peer import CLICKSTATS, ROOT


@contextmanager
def served(url: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The command over a database, until it is left, and the file with what it logs."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(
            [CLICKSTATS, *arguments],
            cwd=ROOT,
            env={**os.environ, "CLICKSTATS_DATABASE_URL": url},
            stderr=log,
        )
        with process:
            try:
                yield process, Path(log.name)
            finally:
                process.terminate()


def resident(pid: int) -> int:
    """The memory that a process holds, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def percentiles(seconds: list[float]) -> dict[str, float]:
    """The median and what few exceed, in milliseconds."""
    taken = sorted(seconds)
    return {
        name: round(1000 * taken[int(len(taken) * share)], 1)
        for name, share in {"median": 0.5, "p95": 0.95, "p99": 0.99}.items()
    }
