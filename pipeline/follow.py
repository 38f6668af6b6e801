"""`follow`: a `run --changed` whenever something has changed, for as long as the process lives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

from pipeline.capture import refuse_unless_on
from pipeline.captured import waits
from pipeline.changed import run_changed
from pipeline.database.connection import session
from pipeline.database.pool import LONGEST_LIFE
from pipeline.errors import Locked, NoConnection, Refused, signal_behind
from pipeline.lock import hold_follow_lock
from pipeline.run import DEFAULTS, Options
from pipeline.run_steps import Step
from pipeline.settings import Settings
from schema.sql import read_all

log = logging.getLogger("clickstats")

LONGEST_PAUSE = 60.0  # seconds, after failures


def follow(
    settings: Settings,
    every: float,
    options: Options = DEFAULTS,
    alive: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Look for changes `every` so many seconds, and compute them; `alive` is called after each look
    and at each step of a round.

    What may pass is waited for, in growing pauses: a server that is restarted, another run that is
    in the way. Raises `Locked` when another process follows, `NoConnection` when there was no
    connection yet, and what does not pass: capture that is off, a missing privilege, a failed
    audit.
    """
    read_all()
    pause, has_begun = every, False
    while True:
        try:
            # one transaction; between two looks it holds the lock and nothing else: no snapshot, no
            # table. From time to time another one, for a server that has moved behind its name
            with session(settings) as watcher:
                hold_follow_lock(watcher)
                until = time.monotonic() + LONGEST_LIFE
                while True:
                    refuse_unless_on(watcher)
                    pause, has_begun = every, True
                    alive()
                    if waits(watcher):
                        _round(settings, options, alive)
                    time.sleep(every)
                    if time.monotonic() >= until:
                        break
        except (NoConnection, Refused, RunInTheWay) as error:
            if signal := signal_behind(error):  # whose work was broken off at the server
                raise signal from None
            if not has_begun:
                raise
            pause = min(2 * pause, LONGEST_PAUSE)
            log.warning("%s; trying again in %g s", error, pause)
            time.sleep(pause)


class RunInTheWay(Exception):
    """Another run was waited for in vain."""


def _round(settings: Settings, options: Options, alive: Callable[[], object]) -> None:
    """One `run --changed`, under an id of its own."""

    def before(step: Step) -> None:
        alive()

    try:
        report = run_changed(replace(settings, run_id=str(uuid4())), options, before=before)
    except Locked as error:
        raise RunInTheWay(str(error)) from error
    log.info(
        "round %s: %s applications, %s inserted, %s updated, in %.2f s",
        report.run_id,
        f"{report.applications:,}",
        f"{report.inserted:,}",
        f"{report.updated:,}",
        report.seconds.get("total", 0),
        extra={"round": report.run_id, "rows": report.applications},
    )
