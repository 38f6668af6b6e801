"""Connections that stay open from one session to the next, for a process that asks again and again.

A connection is kept only when its last transaction is over, and handed out only when nothing has
come over its line since: a server that ends a session says so at once.
"""

from __future__ import annotations

import select
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from pipeline.database.waiting import break_line

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

MOST_IDLE = 4
# a server that has moved behind its name is found again, and no firewall forgets the line
LONGEST_LIFE, LONGEST_REST = 600.0, 60.0  # seconds


class Pool:
    """The connections of one process to one database; may be used by several threads."""

    def __init__(self) -> None:
        self._idle: list[tuple[Connection, float]] = []  # and since when
        self._busy: set[Connection] = set()
        self._lock = Lock()
        self._is_closed = False

    def take(self) -> Connection | None:
        """A connection that seems to be alive; None when there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()  # the one that was in use last
            now = monotonic()
            is_fresh = now - since < LONGEST_REST and now - connection.made < LONGEST_LIFE
            if is_fresh and not _has_news(connection):
                return connection
            connection.close()

    def lend(self, connection: Connection) -> None:
        """Remember that a connection is in use, so that `close` finds it."""
        with self._lock:
            self._busy.add(connection)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose session is over, or close it."""
        is_over = (
            not connection.closed and connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        )
        with self._lock:
            self._busy.discard(connection)
            if is_over and not self._is_closed and len(self._idle) < MOST_IDLE:
                self._idle.append((connection, monotonic()))
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle; break the lines of what is in use, so that whoever waits for the
        server gets an error at once, and the server undoes what is not committed."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for connection, _ in idle:
            connection.close()
        for connection in busy:
            break_line(connection)


def _has_news(connection: Connection) -> bool:
    """Whether something lies on the line of an idle connection, or its other end is gone."""
    if connection.closed:
        return True
    readable, _, failed = select.select([connection], [], [connection], 0)
    return bool(readable or failed)
