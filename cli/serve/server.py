"""The server: uvicorn, with an end to the patience for slow clients, and to its own end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cli.serve.front import SECURITY, Front, Limits
from cli.serve.problems import Problem

if TYPE_CHECKING:
    from cli.serve.service import Service
    from pipeline.database.pool import Pool

log = logging.getLogger("clickstats")

MOST_CONNECTIONS = 500
READING = 10.0  # seconds in which a request must have come in, and its answer have gone out
GRACE = 0.4  # seconds that requests have to end after a signal to stop
TO_END = 0.2  # seconds that threads have after that
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Protocol(H11Protocol):
    """HTTP/1.1 on one connection, which is closed when the client takes too long, and on which
    every error has the form of all the others."""

    def __init__(self, *arguments: Any, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._wait(READING)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE):
            self._wait(None)
        elif self._patience is None:
            self._wait(READING)

    def on_response_complete(self) -> None:
        self._wait(READING if self.transport.get_write_buffer_size() else None)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(READING)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait(None)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        request_id = str(uuid4())
        response = Problem(400, "this is no HTTP request").response(request_id)
        headers = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]
        headers += [*response.raw_headers, (b"connection", b"close")]
        log.info("no HTTP: 400", extra={"request_id": request_id, "status": 400})
        try:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()
        except h11.LocalProtocolError:  # an answer is under way
            self.transport.abort()

    def _wait(self, seconds: float | None) -> None:
        """Give the client so long, from now; None: as long as the answer takes."""
        if self._patience:
            self._patience.cancel()
        self._patience = (
            None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
        )


class Server(uvicorn.Server):
    """Stops at a signal: takes no new request, ends those that are under way or answers that it
    stops, and returns."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal again at the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(GRACE, self._front.stopping.set)
        loop.call_later(GRACE + 0.1, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """A socket that is listened on. Raises `OSError`."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=512)


def serve(
    service: Service,
    pool: Pool,
    listening: socket.socket,
    limits: Limits,
    key: str | None,
    host: str,
) -> None:
    """Answer requests until a signal comes."""
    front = Front(
        service.application(), limits, key, {"localhost", "127.0.0.1", "::1", host.lower()}
    )
    config = uvicorn.Config(
        front,
        http=Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate, logger.level = log.handlers, False, logging.ERROR
    address, bound = listening.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    log.info("listening on http://%s:%s", shown, bound)
    try:
        Server(config, front).run(sockets=[listening])
    finally:
        pool.close()
        has_ended = service.close(TO_END)
        log.info("stopped")
    if not has_ended:
        # a thread that works on in Polars would crash the interpreter on its way out
        sys.stderr.flush()
        os._exit(0)
