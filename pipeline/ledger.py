"""The ledger, clickstats_runs: what each run saw and did, whether it was published, and why not.

A run's row is written when it starts. It says *published* in the very transaction that publishes
the rows, *failed* in one of its own. A row that says *running* while no session has the run's name
belongs to a run that died.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pipeline.audit import Baseline
from pipeline.database import interruptible, session
from pipeline.errors import ClickstatsError
from pipeline.scores import rules_fingerprint
from pipeline.settings import Settings
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

log = logging.getLogger("clickstats")

SEEN = (
    "snapshot_at", "applications", "inserted", "updated", "unchanged", "pending",
    "clicks_read", "clicks_unusable", "clicks_unattributed",
)  # fmt: skip


@dataclass(frozen=True)
class Ledger:
    """The row of one run."""

    settings: Settings
    wal_start: str

    def publish(self, writer: Connection, seen: Mapping[str, Any], warnings: Sequence[str]) -> None:
        """Record success, in the transaction that publishes the rows."""
        self._finish(writer, seen, outcome="published", exit_code=0, warnings=list(warnings))

    def fail(self, exit_code: int, error: str) -> None:
        """Record a failure: what the run's own transaction did is gone."""
        try:
            with session(self.settings) as connection:
                self._finish(connection, {}, outcome="failed", exit_code=exit_code, error=error)
        except ClickstatsError as unrecorded:
            log.warning("the failure is not in the ledger: %s", unrecorded)

    def _finish(self, connection: Connection, seen: Mapping[str, Any], **how: Any) -> None:
        parameters = {name: seen.get(name) for name in SEEN} | {
            "seconds": json.dumps(seen.get("seconds", {})),
            "id": self.settings.run_id,
            "wal_start": self.wal_start,
            "peak_memory_bytes": _peak_memory_bytes(),
            "warnings": [],
            "error": None,
        }
        _one(connection, "finish_run", parameters | how)


@contextmanager
def ledger(
    settings: Settings, command: str, options: Mapping[str, object], keep_days: int
) -> Iterator[Ledger]:
    """Open the run's row, mark the runs that died, drop those older than `keep_days`; when the run
    fails, whatever the reason, say so in its row."""
    parameters = {
        "id": settings.run_id,
        "command": command,
        "options": json.dumps(options),
        "version": version("clickstats"),
        "rules": rules_fingerprint(),
        "timezone": settings.timezone,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "keep_days": keep_days,
    }
    with session(settings) as connection:
        started = interruptible(connection, lambda: _one(connection, "start_run", parameters))
    log.debug("ledger row %(id)s: %(command)s %(options)s, clickstats %(version)s", parameters)
    row = Ledger(settings, wal_start=started[0] if started else "0/0")
    try:
        yield row
    except ClickstatsError as error:
        row.fail(error.exit_code, str(error))
        raise
    except KeyboardInterrupt:
        row.fail(130, "interrupted")
        raise
    except SystemExit:
        row.fail(143, "terminated")
        raise
    except Exception as error:
        row.fail(1, f"{type(error).__name__}: {error}")
        raise


def last_published(connection: Connection) -> Baseline | None:
    """The last published `run --all`, or None when there is none."""
    row = _one(connection, "baseline", {})
    return Baseline(*row) if row else None


def _one(
    connection: Connection, name: str, parameters: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement(name), parameters)
        return cursor.fetchone() if cursor.description else None


def _peak_memory_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
