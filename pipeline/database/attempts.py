"""Connecting to a server that may need another attempt."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from concurrent.futures import Future, wait
from itertools import chain, repeat
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg2

from pipeline.database.server_errors import one_line

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from tenacity import RetryCallState

log = logging.getLogger("clickstats")

FOR_EVER = 1e9  # seconds; a timeout of 0 means for ever to libpq
CONNECT_ATTEMPTS = 4
# what may pass: the network's reasons, a server that starts or ends, one that has no room
MAY_PASS = re.compile(
    "refused|timeout|timed out|unreachable|No route|reset|closed|could not translate|No such file|"
    "starting up|shutting down|recovery|accepting connections|too many|slots"
)


def connected(parameters: Mapping[str, Any], pause: float) -> Any:
    """A new connection. What may pass is tried again after growing pauses, of which the first takes
    `pause` seconds, as long as the connect timeout lasts."""
    attempts = chain([_begun(parameters)], map(_begun, repeat(parameters)))
    import tenacity  # brings asyncio; the first attempt is under way meanwhile

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        wait=tenacity.wait_exponential(pause),
        stop=tenacity.stop_after_attempt(CONNECT_ATTEMPTS)
        | tenacity.stop_before_delay(int(parameters["connect_timeout"]) or FOR_EVER),
        before_sleep=_log_pause,
        reraise=True,
    )
    return retrying(lambda: _ended(next(attempts)))


def _begun(parameters: Mapping[str, Any]) -> Future[Connection]:
    """A connection that is being made. psycopg2 answers no signal while it connects, and cannot be
    told to stop: a thread does it, and is left behind when a signal comes."""
    connecting: Future[Connection] = Future()

    def connect() -> None:
        try:
            connecting.set_result(psycopg2.connect(**parameters))
        except BaseException as error:
            connecting.set_exception(error)

    Thread(target=connect, daemon=True).start()
    return connecting


def _ended(connecting: Future[Connection]) -> Connection:
    while wait([connecting], timeout=0.1).not_done:
        pass
    return connecting.result()


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed. A refused login or a wrong certificate stays so."""
    return isinstance(error, psycopg2.OperationalError) and bool(MAY_PASS.search(str(error)))


def _log_pause(state: RetryCallState) -> None:
    if state.outcome and state.next_action:
        reason = one_line(str(state.outcome.exception()))
        log.info("%s; trying again in %g s", reason, state.next_action.sleep)
