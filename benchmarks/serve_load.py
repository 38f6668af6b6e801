"""`clickstats serve` under load: calculations a second, how long each took, memory, and what comes
of it when the database is killed. Each client asks again as soon as it is answered."""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread

from benchmarks.service import percentiles, resident, served
from pipeline.demo.embedded import Server

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


def figures(database: Server, ids: list[str], asked: argparse.Namespace) -> dict[str, object]:
    """What the clients saw until the time or the requests are over, and the memory of the server in
    MB, look by look."""
    with served(database.url(), "serve", "--port", "0") as (process, log):
        load = Load(listening(log), ids, asked.requests)
        clients = [Thread(target=load.ask_again_and_again, args=(n,)) for n in range(asked.clients)]
        started = time.perf_counter()
        for client in clients:
            client.start()
        killed, memory = False, [resident(process.pid)]
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
        seconds = time.perf_counter() - started
    return {
        "answers": dict(sorted(load.statuses.items())),
        "per_second": round(load.statuses[200] / seconds, 1),
        "milliseconds": percentiles(load.seconds),
        "memory_mb": [round(size / 1e6) for size in memory],
    }


def listening(log: Path) -> int:
    """The port, once there is one."""
    for _ in range(600):
        if found := re.search(r"listening on http://\S+:(\d+)", log.read_text()):
            with closing(HTTPConnection("127.0.0.1", int(found[1]), timeout=60)) as connection:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(f"the server does not start: {log.read_text()}")
