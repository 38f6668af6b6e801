"""Who may ask."""

import secrets
import socket
from contextlib import closing

import pytest

from tests.commands import MAIN, as_process, clickstats
from tests.databases import Database
from tests.serve.test_endpoints import CALCULATE, KEEN, refused
from tests.serving import KEY, Served, ask, serving
from tests.waiting import wait_until


def test_with_a_key_only_its_holders_are_answered(shared: Database) -> None:
    with serving(shared, "--host", "0.0.0.0", CLICKSTATS_API_KEY=KEY) as served:  # noqa: S104
        protected = ("/", "/metrics", "/api/analytics/changes", "/nothing", "/docs", "//healthz")
        for given in (
            {},
            {"X-API-Key": ""},
            {"X-API-Key": KEY[:-1]},
            {"X-API-Key": KEY + "x"},
            {"X-API-Key": KEY.upper()},
            {"X-API-Key": "ä" * 20},
            {"Authorization": f"Bearer {KEY}"},
            {"Cookie": f"X-API-Key={KEY}"},
        ):
            for path in protected:
                problem = served.ask("GET", path, given)
                assert "www-authenticate" in problem.headers
                assert KEY not in str(refused(problem, 401))
        assert served.ask("POST", CALCULATE + KEEN, {"X-API-Key": KEY}).status == 200
        anywhere = {"x-api-KEY": KEY, "Host": "clickstats.example.com", "Origin": "https://x.org"}
        reply = served.ask("GET", "/api/analytics/changes", anywhere)
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("access-control")]
        for path in ("/healthz", "/openapi.json"):
            assert served.ask("GET", path).status == 200


def test_the_key_is_taken_from_its_header_alone_and_never_logged(shared: Database) -> None:
    with serving(shared, "--verbose", CLICKSTATS_API_KEY=KEY) as served:
        for where in (f"/metrics?X-API-Key={KEY}", f"/metrics?api_key={KEY}", f"/{KEY}"):
            assert served.ask("GET", where).status == 401
        assert served.ask("GET", f"/{KEY}", {"X-API-Key": KEY}).status == 404
        assert served.ask("GET", f"/metrics?key={KEY}", {"X-API-Key": KEY}).status == 422
        refused(served.ask("GET", "/metrics", {"X-API-Key": f"{KEY}, {KEY}"}), 401)
        with socket.create_connection(("127.0.0.1", served.port)) as raw:
            twice = f"X-API-Key: {KEY}\r\n" * 2
            raw.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{twice}\r\n".encode())
            assert raw.recv(20).startswith(b"HTTP/1.1 401")
        wait_until(lambda: len(served.logged()) >= 8)
        assert KEY not in served.log.read_text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "example.invalid"])  # noqa: S104
def test_without_a_key_only_this_machine_is_listened_on(shared: Database, host: str) -> None:
    answer = clickstats("serve", "--host", host, "--port", "0", database=shared)
    assert answer.code == 2
    assert len(answer.errors.splitlines()) == 1


@pytest.mark.parametrize("key", ["short", "with a newline\n in it", "ä" * 20])
def test_a_key_that_is_none(shared: Database, key: str) -> None:
    answer = clickstats("serve", "--port", "0", database=shared, CLICKSTATS_API_KEY=key)
    assert answer.code == 2
    assert "openssl rand -hex 32" in answer.errors
    assert key not in answer.errors


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Host": "evil.example.com:8000"},
        {"Host": "localhost.evil.example.com"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://localhost@evil.example.com"},
    ],
)
def test_without_a_key_other_sites_are_refused(served: Served, headers: dict[str, str]) -> None:
    """A page could ask through the browser of whoever works on this machine."""
    for path in ("/healthz", "/api/analytics/changes", "/nothing"):
        refused(served.ask("GET", path, headers), 400)
    refused(served.ask("POST", CALCULATE + KEEN, headers), 400)


def test_without_a_key_this_machine_is_answered(served: Served) -> None:
    for host in ("localhost", f"LOCALHOST:{served.port}", "127.0.0.1:80", "[::1]:8000"):
        assert served.ask("GET", "/healthz", {"Host": host}).status == 200
    own = {"Origin": f"http://localhost:{served.port}"}
    assert served.ask("GET", "/healthz", own).status == 200


def test_hostile_headers_and_paths_do_not_steer_the_log(served: Served) -> None:
    mark = secrets.token_hex(4)
    lines = len(served.logged())
    nasty = {
        "User-Agent": "\x1b[2J${jndi:ldap://x}",
        "X-Request-Id": f"mine-{mark}",
        "X-Forwarded-For": "9.9.9.9",
    }
    with closing(served.connect()) as connection:  # the same one for all of them
        for path in (
            f"/{mark}%0a%7b%22level%22:%22forged%22%7d",
            f"/{mark}%1b[31m",
            f"/{mark}%u0000",
        ):
            reply = ask(connection, "GET", path, nasty)
            assert mark not in reply.headers["x-request-id"]
            refused(reply, 404)
    wait_until(lambda: len(served.logged()) >= lines + 3)
    for line in served.logged()[lines:]:
        assert line["level"] == "INFO"
        assert line["client"] == "127.0.0.1"
        assert line["request_id"] != f"mine-{mark}"
    assert "\x1b" not in served.log.read_text()


def test_without_its_packages_one_line_says_what_to_install(shared: Database) -> None:
    code = "import sys; sys.modules['uvicorn'] = None; " + MAIN
    answer = as_process("serve", database=shared, code=code)
    assert answer.code == 2
    assert answer.errors.strip().endswith("pip install 'clickstats[serve]'")
    assert len(answer.errors.splitlines()) == 1


def test_a_port_that_is_taken(shared: Database, served: Served) -> None:
    answer = clickstats("serve", "--port", str(served.port), database=shared)
    assert answer.code == 2
    assert "in use" in answer.errors
