"""`clickstats serve` under load: calculations a second, how long each took, memory, and what comes
of it when the database is killed.

    python -m benchmarks.serve_load --applications 1e6 --clicks 1e7 --clients 16 --seconds 60

Everything runs on this machine, over loopback: a PostgreSQL of its own, the server, and the
clients, each of which asks again as soon as it is answered. It ends after `--seconds`, or after
`--requests`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread

from benchmarks.peer import ROOT
from pipeline.database.connection import session
from pipeline.demo import sample
from pipeline.demo.embedded import server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.settings import Settings

SERVE = "from cli import main; main()"
MOST_REQUESTS, MOST_SECONDS, MOST_CLIENTS = 10_000_000, 3_600, 64
IDS = 20_000  # different applications that are asked for
SOME = "SELECT id::text FROM job_applications ORDER BY md5(id::text) LIMIT %s"
NEXT_LOOK = 5.0  # seconds between looks at the memory


@dataclass
class Load:
    """What the clients saw so far."""

    port: int
    ids: list[str]
    most: int
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    over: Event = field(default_factory=Event)

    def ask_again_and_again(self, number: int) -> None:
        """What one client does, over a connection that is kept."""
        choose = random.Random(number)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.over.is_set():
            started = time.perf_counter()
            try:
                connection.request("POST", f"/api/analytics/calculate/{choose.choice(self.ids)}")
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
            except (OSError, HTTPException):
                self.statuses[0] += 1
                connection.close()
            self.seconds.append(time.perf_counter() - started)
            if len(self.seconds) >= self.most:
                self.over.set()
        connection.close()


def main() -> None:
    """Measure, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=float, default=1e5)
    parser.add_argument("--clicks", type=float, default=1e6)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=MOST_REQUESTS)
    parser.add_argument("--kill", action="store_true", help="kill the database in the middle")
    asked = parser.parse_args()
    if not (asked.clients <= MOST_CLIENTS and asked.seconds <= MOST_SECONDS):
        sys.exit(f"at most {MOST_CLIENTS} clients and {MOST_SECONDS} seconds")
    with server(durable=True) as database:
        settings = Settings(database.url())
        with session(settings) as connection:
            sample.load(connection, int(asked.applications), int(asked.clicks))
        migrate(settings)
        run_all(settings)
        with session(settings) as connection, connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            cursor.execute(SOME, (IDS,))
            ids = [one for (one,) in cursor.fetchall()]
        with serving(database.url()) as (process, port):
            load = Load(port, ids, min(asked.requests, MOST_REQUESTS))
            memory = []
            clients = [
                Thread(target=load.ask_again_and_again, args=(n,)) for n in range(asked.clients)
            ]
            started = time.perf_counter()
            for client in clients:
                client.start()
            killed = False
            while not load.over.wait(NEXT_LOOK):
                memory.append(resident(process.pid))
                passed = time.perf_counter() - started
                if asked.kill and not killed and passed > asked.seconds / 2:
                    database.crash()
                    time.sleep(2)
                    database.start()
                    killed = True
                if passed >= asked.seconds:
                    load.over.set()
            for client in clients:
                client.join()
            print(json.dumps(figures(load, time.perf_counter() - started, memory), indent=2))


def figures(load: Load, seconds: float, memory: list[int]) -> dict[str, object]:
    """What the clients saw, and the memory of the server in MB, look by look."""
    taken = sorted(load.seconds)
    return {
        "answers": dict(sorted(load.statuses.items())),
        "per_second": round(load.statuses[200] / seconds, 1),
        "milliseconds": {
            name: round(1000 * taken[int(len(taken) * share)], 1)
            for name, share in {"median": 0.5, "p95": 0.95, "p99": 0.99}.items()
        },
        "memory_mb": [round(size / 1e6) for size in memory],
    }


@contextmanager
def serving(url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server over a database, and its port."""
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "CLICKSTATS_DATABASE_URL": url},
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield process, listening(Path(log.name))
            finally:
                process.terminate()


def listening(log: Path) -> int:
    """The port, once there is one."""
    for _ in range(600):
        if found := re.search(r"listening on http://\S+:(\d+)", log.read_text()):
            with closing(HTTPConnection("127.0.0.1", int(found[1]), timeout=60)) as connection:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            return int(found[1])
        time.sleep(0.1)
    sys.exit(f"the server does not start: {log.read_text()}")


def resident(pid: int) -> int:
    """The memory that a process holds, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
