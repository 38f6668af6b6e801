"""How much is taken on, and how long is waited for a client."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from cli.serve.front import MOST_BODY
from cli.serve.server import READING
from tests.databases import Database
from tests.serve.test_endpoints import CALCULATE, KEEN, refused
from tests.serving import KEY, Served, serving
from tests.waiting import wait_until

HEAD = b"HTTP/1.1 "


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Whoever reads clicks waits."""
    with database.connect() as holder, holder.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        yield
    holder.close()


def raw(served: Served, *parts: bytes, pause: float = 0) -> bytes:
    """What is answered to bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=READING + 20) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        answer = b""
        while more := line.recv(65_536):
            answer += more
        return answer


def test_too_many_at_once(filled: Database) -> None:
    with (
        serving(filled, "--at-once", "3", "--timeout", "20") as served,
        ThreadPoolExecutor() as threads,
    ):
        with locked(filled):
            waiting = [threads.submit(served.ask, "POST", CALCULATE + KEEN) for _ in range(3)]
            wait_until(lambda: filled.execute(WAITING))
            time.sleep(0.5)
            reply = served.ask("POST", CALCULATE + KEEN)
            refused(reply, 503)
            assert reply.headers["retry-after"] == "1"
            assert served.ask("GET", "/healthz").status == 200
        assert [each.result().status for each in waiting] == [200] * 3
        assert served.ask("POST", CALCULATE + KEEN).status == 200


WAITING = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"


def test_too_slow(filled: Database) -> None:
    with serving(filled, "--timeout", "1") as served:
        with locked(filled):
            for method, path in (("POST", CALCULATE), ("GET", "/api/analytics/applications/")):
                reply = served.ask(method, path + KEEN)
                refused(reply, 503)
                assert "retry-after" in reply.headers
        wait_until(lambda: served.ask("POST", CALCULATE + KEEN).status == 200)


def test_too_often(shared: Database) -> None:
    """Of the holder of the key, and of those without: they don't take from one another."""
    key = {"X-API-Key": KEY}
    with serving(shared, "--rate", "5", CLICKSTATS_API_KEY=KEY) as served:
        guesses = [served.ask("GET", "/nothing") for _ in range(12)]
        statuses = [reply.status for reply in guesses]
        assert statuses[:5] == [401] * 5
        assert 429 in statuses
        assert served.ask("GET", "/nothing", key).status == 404
        replies = [served.ask("GET", "/nothing", key) for _ in range(12)]
        [reply, *_] = [reply for reply in replies if reply.status == 429]
        refused(reply, 429)
        assert reply.headers["retry-after"] == "1"
        time.sleep(1)
        assert served.ask("GET", "/nothing", key).status == 404
        assert served.ask("GET", "/healthz").status == 200


def test_bodies(served: Served) -> None:
    assert served.ask("POST", CALCULATE + KEEN, body=b"x" * MOST_BODY).status == 200
    assert served.ask("POST", CALCULATE + KEEN, body=b"\xff\x00{").status == 200
    reply = served.ask("POST", CALCULATE + KEEN, body=b"x" * (MOST_BODY + 1))
    refused(reply, 413)
    assert reply.headers["connection"] == "close"


def test_a_body_without_an_end(served: Served) -> None:
    """In chunks its length is not known before."""
    start = (
        f"POST {CALCULATE}{KEEN} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    assert raw(served, start.encode(), chunk * 5).startswith(HEAD + b"413")


def test_a_body_that_is_announced_only(served: Served) -> None:
    """The answer comes before the body."""
    for length in (b"1000000000000", b"9" * 19):
        start = f"POST {CALCULATE}{KEEN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ".encode()
        answer = raw(served, start + length + b"\r\nExpect: 100-continue\r\n\r\n")
        assert answer.startswith(HEAD + b"413")


@pytest.mark.parametrize(
    "request_",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000,
        b"GET /" + b"x" * 20_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http(served: Served, request_: bytes) -> None:
    answer = raw(served, request_)
    assert answer.startswith(HEAD + b"400")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b'"status": 400' in body
    assert served.ask("GET", "/healthz").status == 200
    assert "Traceback" not in served.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "answered"),
    [
        ([b""], False),
        ([b"GET / HT"], False),
        ([b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", *[b"X: y\r\n"] * 30], False),
        (
            [
                f"POST {CALCULATE}{KEEN} HTTP/1.1\r\nHost: localhost\r\n".encode()
                + b"Content-Length: 100\r\n\r\n",
                *[b"x"] * 30,
            ],
            False,
        ),
        ([b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HT"], True),
    ],
    ids=["silent", "half a line", "a header at a time", "a byte at a time", "half a second one"],
)
def test_slow_clients_are_cut_off(served: Served, parts: list[bytes], answered: bool) -> None:
    started = time.monotonic()
    try:
        answer = raw(served, *parts, pause=0.5)
    except ConnectionError:
        answer = b""
    assert bool(answer) == answered
    assert time.monotonic() - started < READING + 10


@pytest.mark.slow
def test_many_silent_clients_keep_nobody_out(served: Served) -> None:
    lines = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(450)]
    try:
        assert served.ask("GET", "/healthz").status == 200
        assert served.ask("POST", CALCULATE + KEEN).status == 200
    finally:
        for line in lines:
            line.close()


def test_pipelined_requests(served: Served) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    answer = raw(served, (one + b"\r\n") * 3 + one + b"Connection: close\r\n\r\n")
    assert answer.count(HEAD + b"200") == 4


def test_upgrades_are_not_made(served: Served) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert served.ask("GET", "/healthz", upgrade).status == 200


def test_every_answer_has_security_headers(served: Served) -> None:
    for path in ("/healthz", "/nothing", "/metrics", "/api/analytics/changes?x=1"):
        headers = served.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
