"""What stands in front of the endpoints: who may ask, how much, how long; what every answer has;
and the log of requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders

from cli.serve.problems import RETRY, Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("clickstats")

MOST_LOGGED = 300  # characters of a path or an error
MOST_BODY = 16_384  # bytes; no endpoint needs any
OPEN = {"/healthz", "/openapi.json"}  # they say nothing about the data
QUIET = {"/healthz"}  # asked every few seconds
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Limits:
    """What one process takes on."""

    at_once: int = 64  # requests
    rate: int = 500  # requests a second of each key
    timeout: float = 30  # seconds for each request


class Bucket:
    """A second's worth of requests, refilled all the time."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left, self._seen = float(rate), monotonic()

    def wait(self) -> float:
        """Take one; 0, or how many seconds too early that is."""
        now = monotonic()
        self._left = min(self._rate, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0


class Front:
    """The ASGI application that the server calls."""

    def __init__(self, app: ASGIApp, limits: Limits, key: str | None, hosts: set[str]) -> None:
        self._app, self._limits = app, limits
        self._key = _digest(key.encode()) if key else None
        self._secret = key or "\n"  # which no line of the log may hold
        self._hosts = hosts
        self._buckets = {known: Bucket(limits.rate) for known in (True, False)}
        self._under_way = 0
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["request_id"] = str(uuid4())
        started, status = perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = state["request_id"]
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        self._under_way += 1
        try:
            try:
                self._refuse(scope)
                await self._in_time(scope, await _whole(scope, receive), send_on)
            except Problem as problem:
                state["error"] = str(problem)
                if not status:
                    await problem.response(state["request_id"])(scope, receive, send_on)
            except Exception:
                log.exception("a bug, met by request %s", state["request_id"])
                if not status:
                    bug = Problem(500, "a bug; the log has it under this request_id")
                    await bug.response(state["request_id"])(scope, receive, send_on)
        finally:
            self._under_way -= 1
            self._tell(scope, status, perf_counter() - started)

    def _refuse(self, scope: Scope) -> None:
        """Raise what a request is refused for before anything is done for it."""
        headers = Headers(scope=scope)
        if self._key is None:
            self._refuse_other_sites(headers)
        if scope["path"] in OPEN:
            return
        if self._under_way > self._limits.at_once:
            raise Problem(503, f"more than {self._limits.at_once} requests at once", RETRY)
        is_known = self._key is None or self._is_key(headers.getlist("X-API-Key"))
        if wait := self._buckets[is_known].wait():
            raise Problem(
                429,
                f"more than {self._limits.rate} requests a second",
                {"Retry-After": str(math.ceil(wait))},
            )
        if not is_known:
            raise Problem(
                401, "expected the key in the header X-API-Key", {"WWW-Authenticate": "X-API-Key"}
            )

    def _refuse_other_sites(self, headers: Headers) -> None:
        """Without a key, whoever gets a browser on this machine to ask would be answered: a page of
        another site, or a name that another site has turned to this machine."""
        for name, value in _authorities(headers):
            if (value or "").lower() not in self._hosts:
                raise Problem(400, f"the header {name} names another host; expected localhost")

    def _is_key(self, given: list[str]) -> bool:
        """Whether it is the key, in a time that does not tell how much of it is right."""
        return (
            len(given) == 1
            and self._key is not None
            and hmac.compare_digest(_digest(given[0].encode("latin-1")), self._key)
        )

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        """Log a request. The query is left out: somebody may have put a key there."""
        state = scope["state"]
        path, error = (
            text.replace(self._secret, "…")[:MOST_LOGGED]
            for text in (
                scope["raw_path"].decode("ascii", "backslashreplace"),
                state.get("error", ""),
            )
        )
        level = logging.WARNING if status >= 500 else logging.INFO
        log.log(
            logging.DEBUG if path in QUIET and status < 400 else level,
            "%s %s: %s in %.3f s%s",
            scope["method"],
            path,
            status or "no answer",
            seconds,
            f"; {error}" if error else "",
            extra={
                "request_id": state["request_id"],
                "run_id": state.get("run_id", state["request_id"]),
                "method": scope["method"],
                "path": path,
                "status": status,
                "seconds": round(seconds, 6),
                "client": (scope.get("client") or ("",))[0],
                **({"error": error} if error else {}),
            },
        )

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the time is up or the server stops."""
        answering = asyncio.ensure_future(self._app(scope, receive, send))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait(
                {answering, stopping},
                timeout=self._limits.timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answering.done():
                answering.result()
                return
            if stopping.done():
                raise Problem(503, "the server is being stopped", RETRY)
            raise Problem(503, f"not done within {self._limits.timeout:g} seconds", RETRY)
        finally:
            for task in (answering, stopping):
                task.cancel()
            await asyncio.gather(answering, stopping, return_exceptions=True)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _authorities(headers: Headers) -> Iterator[tuple[str, str | None]]:
    """The hosts that a request names: where it goes, and where it comes from."""
    for name, scheme in (("Host", "//"), ("Origin", "")):
        for value in headers.getlist(name):
            try:
                yield name, urlsplit(scheme + value).hostname
            except ValueError:
                yield name, None


async def _whole(scope: Scope, receive: Receive) -> Receive:
    """Take in the body, which no endpoint reads, and raise when it is too large."""
    too_large = Problem(413, f"a body of more than {MOST_BODY} bytes", {"Connection": "close"})
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MOST_BODY:
        raise too_large
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size > MOST_BODY:
            raise too_large

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    return nothing
