"""`clickstats run --changed` as a whole process, in turn with what it is held against: `import
polars`, and the one MERGE that finds by itself what has changed (`benchmarks.sql_peer`)."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from statistics import median

from benchmarks.datasets import execute, session
from benchmarks.peer import CLICKSTATS, ROOT, program
from pipeline.demo.embedded import Server

CHANGED = 1_000  # applications
RUN_CHANGED = [CLICKSTATS, "run", "--changed"]
IMPORT = [sys.executable, "-c", "import polars"]
SQL = program("benchmarks.sql_peer", "merge")(None)
CLICK = """
INSERT INTO link_clicks (tracking_id, clicked_at)
SELECT min(tracking_id), now() AT TIME ZONE 'UTC'
FROM link_tracking
WHERE application_id IN ({ids})
GROUP BY application_id
"""


def figures(server: Server, ids: list[str], asked: argparse.Namespace) -> dict[str, object]:
    """Seconds of each, round by round, and their median."""
    seconds = defaultdict(list)
    chosen = random.Random(1)
    taken(server, RUN_CHANGED)
    for _ in range(asked.rounds):
        seconds["import polars"].append(taken(server, IMPORT))
        seconds["0 changed"].append(taken(server, RUN_CHANGED))
        clicked(server, chosen.sample(ids, CHANGED))
        seconds[f"{CHANGED:,} changed"].append(taken(server, RUN_CHANGED))
        clicked(server, chosen.sample(ids, CHANGED))
        seconds["sql"].append(taken(server, SQL))
        taken(server, RUN_CHANGED)
    return {
        name: {"median": round(median(found), 2), "each": [round(one, 2) for one in found]}
        for name, found in seconds.items()
    }


def clicked(server: Server, ids: list[str]) -> None:
    """One click more on each of these applications."""
    with session(server.url()) as writer:
        execute(writer, CLICK.format(ids=", ".join(f"'{one}'" for one in ids)))


def taken(server: Server, command: list[str]) -> float:
    """Seconds that a process takes, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env={**os.environ, "CLICKSTATS_DATABASE_URL": server.url()},
        capture_output=True,
    )
    return time.perf_counter() - started
