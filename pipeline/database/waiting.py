"""Waiting for others, mostly for the server, so that a signal is answered at once.

psycopg2 and ConnectorX hold signals back while they wait. So whatever may wait is done by a thread,
while the main thread looks after it: when a signal comes, the work is cancelled at the server; when
the server does not react, the line to it is broken.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import psycopg2

from pipeline.errors import signal_behind

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Result = TypeVar("Result")
Begun: TypeAlias = "SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]"
LOOK_AGAIN = 0.1  # seconds
# how long cancelled work may take to end before it is left behind: after a signal, and otherwise
AFTER_A_SIGNAL, PATIENCE = 0.4, 10.0  # seconds
UNANSWERED = "the server did not react in time"  # a note on the signal
# for each connection a thread that has nothing to do: to start one for each statement would cost a
# tenth of a run over little data
_idle: WeakKeyDictionary[Connection, Begun] = WeakKeyDictionary()


def interruptible(connection: Connection, work: Callable[[], Result]) -> Result:
    """The result of work that waits for the server over this connection."""
    if current_thread() is not main_thread():  # whose signals never come here
        return work()
    [result] = in_turn([work], connection)
    return result


def in_turn(
    works: Iterable[Callable[[], Result]], connection: Connection, threads: int = 1
) -> Generator[Result]:
    """The results of the works in their order, while the next ones are under way: `threads` at
    once, and one more is ready.

    They wait for the server over the connection, or over others of its run. When one fails, or a
    signal comes, the others are cancelled through it, again and again until they have ended: a
    statement that has not begun cannot be cancelled. What does not end in time is broken off, and
    left behind if even that does not help. When the caller closes this, whoever is at work may end
    it first: a transaction does not outlive a statement that is cancelled.
    """
    waiting = iter(works)
    futures: deque[Future[Result]] = deque()
    begun = _idle.pop(connection, None) if threads == 1 else None
    begun, may_go_on = begun or started_threads(threads), False
    try:
        try:
            while True:
                for work in islice(waiting, threads + 1 - len(futures)):
                    futures.append(Future())
                    begun.put((futures[-1], work))
                if not futures:
                    may_go_on = threads == 1
                    return
                yield _first(futures)
        except GeneratorExit as closed:
            if not signal_behind(closed):
                _end_in_time(_running(futures), PATIENCE)
            raise
    except BaseException as error:
        _end(_running(futures), connection, error)
        raise
    finally:
        if may_go_on and connection not in _idle:
            _idle[connection] = begun
        else:
            for _ in range(threads):
                begun.put(None)


def no_more(connection: Connection) -> None:
    """Let the thread of a connection end."""
    if begun := _idle.pop(connection, None):
        begun.put(None)


def started_threads(threads: int = 1) -> Begun:
    """What new threads take their work from."""
    begun: Begun = SimpleQueue()
    for _ in range(threads):
        Thread(target=_work, args=(begun,), daemon=True).start()
    return begun


def _work(begun: Begun) -> None:
    while task := begun.get():
        future, work = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)


def _first(futures: deque[Future[Result]]) -> Result:
    """The first one's result, as soon as it is there, unless another fails meanwhile."""
    # Polars' handler of SIGINT lets a wait without a timeout go on
    while wait([futures[0]], timeout=LOOK_AGAIN).not_done:
        for future in futures:
            if future.done():
                future.result()
    return futures.popleft().result()


def _running(futures: Iterable[Future[Result]]) -> list[Future[Result]]:
    """Those that have begun; the others never will."""
    return [future for future in futures if not future.cancel()]


def _end_in_time(futures: list[Future[Any]], seconds: float) -> bool:
    """Whether they end within so long; a signal is answered meanwhile."""
    last = monotonic() + seconds
    while wait(futures, timeout=min(seconds, LOOK_AGAIN)).not_done:
        if monotonic() >= last:
            return False
    return True


def _end(running: list[Future[Result]], connection: Connection, reason: BaseException) -> None:
    """Cancel what is running; break the line when it does not end in time."""
    ended = Event()

    def cancel_until_ended() -> None:  # in a thread: it may have to wait for the server itself
        while not ended.is_set():
            with suppress(Exception):  # the work has ended meanwhile, or the server is gone
                connection.cancel()
            ended.wait(LOOK_AGAIN)

    if _end_in_time(running, 0):
        return
    cancelling: Future[None] = Future()
    begun = started_threads()
    begun.put((cancelling, cancel_until_ended))
    begun.put(None)
    signal = signal_behind(reason)
    patience = PATIENCE if signal is None else 0 if is_unanswered(signal) else AFTER_A_SIGNAL
    try:
        if not _end_in_time(running, patience):
            if signal:
                signal.add_note(UNANSWERED)
            break_line(connection)
            wait(running, timeout=LOOK_AGAIN)
    finally:
        ended.set()
    if not signal:  # a last cancel would hit what the caller does next
        _end_in_time([cancelling], PATIENCE)


def is_unanswered(signal: BaseException) -> bool:
    """Whether the server did not react when a signal's work was cancelled."""
    return UNANSWERED in getattr(signal, "__notes__", ())


def break_line(connection: Connection) -> None:
    """Break the line to the server: whoever waits for an answer on it gets an error at once."""
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as s:
        s.shutdown(socket.SHUT_RDWR)


def in_time(
    work: Callable[[], Result], seconds: float, thread: Begun | None = None
) -> Result | None:
    """The result of work, or None when it takes longer; then it is left behind. By a new thread, or
    by one that `started_threads` gives."""
    future: Future[Result] = Future()
    begun = thread or started_threads()
    begun.put((future, work))
    if not thread:
        begun.put(None)
    return None if wait([future], timeout=seconds).not_done else future.result()
