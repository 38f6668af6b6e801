"""Computes applications on demand for several at once: those who ask while a run is under way are
answered together by the next one, which costs hardly more than one for each alone.

Whoever asks gets a result of a snapshot that is taken after the question.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from pipeline.choice import chosen, refuse_to_mix
from pipeline.database.connection import session
from pipeline.errors import (
    ConfigurationError,
    FrozenApplications,
    Locked,
    NoConnection,
    Refused,
    UnknownApplication,
)
from pipeline.run import run_named
from pipeline.settings import Settings
from schema.sql import read_all

log = logging.getLogger("clickstats")

# those who were just answered may ask again: one run for all of them, not one for the quickest
# and another for the others
LINGER = 0.005  # seconds
MOST = 500  # applications of one run
# what has nothing to do with which applications are named
OF_ALL = (ConfigurationError, Locked, NoConnection, Refused)
TABLES = "SELECT FROM link_click_analytics, link_click_readings, clickstats_runs LIMIT 0"


@dataclass(frozen=True)
class Calculated:
    """The row of one application, as `run_named` gives it, and the run that wrote it."""

    run_id: str
    row: Mapping[str, Any]


Waiting = Mapping[str, Sequence["Future[Calculated]"]]  # by application


def refuse_to_start(settings: Settings) -> None:
    """Raise what would be raised by each calculation: no connection, missing tables, another
    definition than the published one."""
    with session(settings) as connection:
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
        refuse_to_mix(chosen(connection, settings))


class Calculations:
    """Those who ask, and a thread that computes."""

    def __init__(self, settings: Settings) -> None:
        read_all()
        self._settings = settings
        self._asked: SimpleQueue[tuple[str, Future[Calculated]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="calculations", daemon=True)
        self._thread.start()

    def ask(self, application_id: str) -> Future[Calculated]:
        """Have an application computed and written. The result raises what `run_named` does, and
        `UnknownApplication`."""
        future: Future[Calculated] = Future()
        self._asked.put((application_id, future))
        return future

    def close(self, seconds: float) -> bool:
        """End after the run that is under way; whether that was within so many seconds."""
        self._asked.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        ended = 0.0
        while first := self._asked.get():
            if monotonic() - ended < LINGER:
                sleep(LINGER)
            waiting = self._gathered(first)
            try:
                self._calculate(waiting)
            except (
                Exception
            ) as error:  # a bug, which must not keep the next ones from being answered
                log.exception("calculations failed")
                _fail(waiting, error)
            ended = monotonic()

    def _gathered(self, first: tuple[str, Future[Calculated]]) -> Waiting:
        """Those who ask by now and have not given up."""
        asked: tuple[str, Future[Calculated]] | None = first
        waiting: dict[str, list[Future[Calculated]]] = {}
        while asked:
            application_id, future = asked
            if future.set_running_or_notify_cancel():
                waiting.setdefault(application_id, []).append(future)
            if len(waiting) == MOST:
                break
            try:
                asked = self._asked.get_nowait()
            except Empty:
                break
        if asked is None:
            self._asked.put(None)  # for `_work`
        return waiting

    def _calculate(self, waiting: Waiting) -> None:
        """Answer all of them by one run. When it fails for what may be the fault of one of them,
        the others are computed without it."""
        if not waiting:
            return
        settings = replace(self._settings, run_id=str(uuid4()))
        try:
            rows, unknown = run_named(settings, list(waiting), round_of="serve")
        except FrozenApplications as error:
            frozen = {name: waiting[name] for name in error.application_ids}
            for name, futures in frozen.items():
                _fail({name: futures}, FrozenApplications([name]))
            self._calculate({name: waiting[name] for name in waiting if name not in frozen})
        except OF_ALL as error:
            _fail(waiting, error)
        except Exception as error:
            if len(waiting) == 1:
                _fail(waiting, error)
                return
            log.warning("%s applications are computed in two runs: %s", len(waiting), error)
            names = list(waiting)
            for half in (names[: len(names) // 2], names[len(names) // 2 :]):
                self._calculate({name: waiting[name] for name in half})
        else:
            for row in rows.iter_rows(named=True):
                for future in waiting[row["application_id"]]:
                    future.set_result(Calculated(settings.run_id, row))
            for name in unknown:
                _fail(
                    {name: waiting[name]},
                    UnknownApplication(
                        f"no such application: {name}; expected ids from job_applications"
                    ),
                )


def _fail(waiting: Waiting, error: Exception) -> None:
    for futures in waiting.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
