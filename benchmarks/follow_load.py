"""From a click to its stored score, by `clickstats follow`, while clicks come at a steady rate."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from benchmarks.datasets import execute, session
from benchmarks.service import percentiles, resident, served
from pipeline.demo.embedded import Server

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EVERY = 0.05  # seconds between looks at the scores: so much too late they may be seen
PATIENCE = 60.0  # seconds for the last clicks
CLICK = """
INSERT INTO link_clicks (tracking_id, clicked_at)
SELECT min(tracking_id), now() AT TIME ZONE 'UTC' FROM link_tracking WHERE application_id = '{id}'
"""
COUNTS = """
SELECT application_id::text, total_click_events FROM link_click_analytics
WHERE application_id IN ({ids})
"""


class Waiting:
    """The clicks whose scores are not stored yet, and how long the others took."""

    def __init__(self) -> None:
        self.lock, self.over = Lock(), Event()
        self.since: dict[
            str, tuple[float, int]
        ] = {}  # an application's click, and clicks before it
        self.seconds: list[float] = []

    def watch(self, url: str) -> None:
        """Look again and again which scores are there, until it is over."""
        with session(url) as reader:
            while not self.over.wait(EVERY):
                with self.lock:
                    waiting = dict(self.since)
                if waiting:
                    counts = counted(reader, waiting)
                    now = time.perf_counter()
                    for one, (clicked, before) in waiting.items():
                        if counts.get(one, 0) > before:
                            self.seconds.append(now - clicked)
                            with self.lock:
                                del self.since[one]


def figures(server: Server, ids: list[str], asked: argparse.Namespace) -> dict[str, object]:
    """Milliseconds from the commit of a click to its stored score, each on another application; and
    the memory of `follow` in MB, before and after."""
    waiting = Waiting()
    clicked = ids[: asked.rate * asked.seconds]
    with (
        session(server.url()) as writer,
        served(server.url(), "follow", "--every", "2s") as (process, _log),
    ):
        before = counted(writer, clicked)
        time.sleep(5)  # for its first round
        memory = [resident(process.pid)]
        watcher = Thread(target=waiting.watch, args=(server.url(),))
        watcher.start()
        try:
            for one, _ in zip(clicked, ticks(asked.rate), strict=False):
                execute(writer, CLICK.format(id=one))
                with waiting.lock:
                    waiting.since[one] = time.perf_counter(), before.get(one, 0)
            until = time.perf_counter() + PATIENCE
            while waiting.since and time.perf_counter() < until:
                time.sleep(EVERY)
        finally:
            waiting.over.set()
            watcher.join()
        memory.append(resident(process.pid))
    return {
        "clicks": len(clicked),
        "without_score": len(waiting.since),
        "milliseconds": percentiles(waiting.seconds),
        "memory_mb": [round(size / 1e6) for size in memory],
    }


def ticks(rate: int) -> Iterator[None]:
    """So many a second; late ones are made up for."""
    started, number = time.perf_counter(), 0
    while True:
        time.sleep(max(0, started + number / rate - time.perf_counter()))
        yield
        number += 1


def counted(reader: Connection, ids: Iterable[str]) -> dict[str, int]:
    """How many clicks are stored of these applications."""
    return dict(execute(reader, COUNTS.format(ids=", ".join(f"'{one}'" for one in ids))))
