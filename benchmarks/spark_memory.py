"""How much memory a `run --all` on Spark takes at most: the driver, its Java process, executors and
their Python workers on this machine. It should not grow with the clicks.

    python -m benchmarks.datasets 10000000        fills the database in CLICKSTATS_DATABASE_URL
    clickstats migrate
    python -m benchmarks.spark_memory local[2]                 or spark://HOST:PORT, --full
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

EVERY = 0.2  # seconds
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
WORKER = re.compile(r"pyspark[./]daemon")


def main(engine: str, *options: str) -> None:
    """Run, watch, and print the peaks."""
    command = ["clickstats", "run", "--all", "--engine", engine, "--format", "json", *options]
    peaks: dict[str, dict[int, int]] = defaultdict(dict)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            for pid in (int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
                if kind := kind_of(pid, process.pid):
                    peaks[kind][pid] = max(peaks[kind].get(pid, 0), peak(pid))
            time.sleep(EVERY)
        report = json.load(process.stdout) if process.stdout and not process.returncode else {}
    print(f"{report.get('clicks_read', 0):,} clicks, seconds: {report.get('seconds')}")
    for kind, of in peaks.items():
        print(f"{kind:8} {max(of.values()) / 1024:8,.0f} MB at most, of {len(of)}")


def kind_of(pid: int, driver: int) -> str | None:
    """What kind of process of the run it is, if it is one."""
    if pid == driver:
        return "driver"
    try:
        command_line = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return None
    if WORKER.search(command_line):
        return "worker"
    if "CoarseGrainedExecutorBackend" in command_line:
        return "executor"
    return "java" if "pyspark-shell" in command_line and "java" in command_line else None


def peak(pid: int) -> int:
    """The most memory that a process has had, in kB."""
    try:
        found = PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
