"""What a run saw and did, and how its phases are timed, logged and shown while they last."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any

log = logging.getLogger("clickstats")

Advance = Callable[[int, int], None]  # (done, total), in rows
Show = Callable[[str], AbstractContextManager[Advance]]  # shows a phase while it lasts


def no_advance(done: int, total: int) -> None:
    """For whoever does not show how far the work is."""


def show_nothing(phase: str) -> AbstractContextManager[Advance]:
    """For logs and pipes: a phase is not shown while it lasts."""
    return nullcontext(no_advance)


@dataclass
class RunReport:
    """What one run saw and did; counts are rows."""

    run_id: str
    snapshot_at: datetime
    timezone: str
    fingerprint: str = ""  # of the definition
    applications: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    pending: int = 0
    frozen: int = 0  # kept their stored rows
    newer: int = 0  # left, because a `run --app-id` wrote a newer result meanwhile
    gone: int = 0  # deleted while the run was under way
    deleted: int = 0  # stored rows without their application, where no foreign key deletes them
    rows_without_application: int = 0  # written by another program, left alone
    clicks_read: int = 0
    clicks_used: int = 0
    clicks_unusable: int = 0
    clicks_unattributed: int = 0
    clicks_in_future: int = 0  # later than the snapshot; counted like the others
    clicks_by_class: dict[str, int] = field(default_factory=dict)  # used clicks
    readings_written: int = 0  # rows of link_click_readings
    readings_deleted: int = 0
    with_fewer_clicks: int = 0  # than stored
    missed_by_capture: int | None = None  # rows that differ unforetold; None: capture is off
    score_changes: int = 0  # applications whose scores of human clicks have changed
    biggest_changes: list[dict[str, Any]] = field(default_factory=list)  # biggest_changes.sql
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._phase: str | None = None
        self._spent: dict[str, float] = {}
        self._since = 0.0

    @property
    def written(self) -> int:
        """Rows inserted or updated."""
        return self.inserted + self.updated

    @contextmanager
    def phase(self, name: str, rows: str, show: Show = show_nothing) -> Iterator[Advance]:
        """Time, show and log a phase; `rows` names the count that says how much it handled."""
        with show(name) as advance, self.timed(name):
            yield advance
        self.tell(name, rows)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Count the time to the phase. A phase within it has its own time: while the server writes
        a slice, the next one is computed, and `write` is what the run only waited for."""
        outer, self._phase = self._phase, phase
        self._count_to(outer)
        try:
            yield
        finally:
            self._count_to(phase)
            self._phase = outer
            self.seconds[phase] = self._spent[phase]

    def _count_to(self, phase: str | None) -> None:
        """Count the time since the last change of phases to the one that has ended or paused."""
        now = perf_counter()
        if phase:
            self._spent[phase] = self._spent.get(phase, 0) + now - self._since
        self._since = now

    def tell(self, phase: str, rows: str) -> None:
        """Log how long a phase took, and for how many rows."""
        count: int = getattr(self, rows)
        seconds = self.seconds[phase]
        log.info(
            "%s: %s %s in %.2f s",
            phase,
            f"{count:,}",
            rows.replace("_", " "),
            seconds,
            extra={"phase": phase, "rows": count, "seconds": seconds},
        )
