"""The nginx of docs/how-to/nginx.md in front of `serve`: TLS, logins, keys."""

import os
import re
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from pipeline.demo.embedded import free_port
from pipeline.run import run_all
from tests.databases import Database
from tests.docs.pages import HOW_TO, marked
from tests.runs import WORLD, A
from tests.serving import KEY, Reply, ask, serving
from tests.waiting import wait_until

PROGRAM = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROGRAM and shutil.which("openssl")), reason="no nginx, or no openssl"),
]
NAME, PASSWORD = "clickstats.example.com", "a-password"
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {documented}
}}
"""


@contextmanager
def in_front(folder: Path, upstream: int) -> Iterator[int]:
    """nginx as documented, but for ports and the places of its files; the port of its TLS."""
    make = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout privkey.pem -out fullchain.pem -addext"
    )
    subject = [f"subjectAltName=DNS:{NAME}", "-subj", f"/CN={NAME}"]
    subprocess.run(
        ["openssl", *make.split(), *subject], cwd=folder, check=True, capture_output=True
    )
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True
    ).stdout
    (folder / "clickstats.users").write_text(f"person:{hashed}")
    (folder / "clickstats.key").write_text(f'proxy_set_header X-API-Key "{KEY}";\n')
    folder.chmod(0o755)
    port = free_port()
    documented = marked(HOW_TO / "nginx.md", "nginx")
    for pattern, replacement in (
        (r"\n.*listen \[::\]:443 ssl;", ""),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{upstream}"),
        (r"/etc/(ssl/clickstats|nginx)/", f"{folder}/"),
    ):
        documented, times = re.subn(pattern, replacement, documented)
        assert times, pattern
    file = folder / "nginx.conf"
    file.write_text(AROUND.format(folder=folder, documented=documented))
    assert PROGRAM
    process = subprocess.Popen([PROGRAM, "-p", folder, "-c", file], stderr=subprocess.DEVNULL)
    try:
        wait_until((folder / "pid").exists)
        yield port
    finally:
        process.terminate()
        process.wait()


def test_it_brings_tls_and_logins(database: Database, tmp_path: Path) -> None:
    database.load(WORLD)
    run_all(database.settings())
    with (
        serving(database, "--timeout", "120", CLICKSTATS_API_KEY=KEY) as served,
        in_front(tmp_path, served.port) as port,
    ):
        trusting = ssl.create_default_context(cafile=tmp_path / "fullchain.pem")

        def answer(method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
            named = {"Host": NAME} | {n.replace("_", "-"): value for n, value in headers.items()}
            connection = HTTPSConnection("127.0.0.1", port, context=trusting, timeout=120)
            # the certificate is for the name, not for the address
            trusting.check_hostname = False
            with closing(connection):
                return ask(connection, method, path, named, body)

        calculate = f"/api/analytics/calculate/{A}"
        assert answer("POST", calculate).status == 401
        reply = answer("POST", calculate, X_API_Key=KEY)
        assert (reply.status, reply.json[0]["application_id"]) == (200, A)
        assert reply.headers["strict-transport-security"] == "max-age=31536000"
        assert answer("POST", calculate, b"x" * 20_000, X_API_Key=KEY).status == 413
        assert answer("GET", "/").headers["www-authenticate"].startswith("Basic")
        login = b64encode(f"person:{PASSWORD}".encode()).decode()
        wrong = b64encode(b"person:wrong").decode()
        assert answer("GET", "/", Authorization=f"Basic {wrong}").status == 401
        served.ask("GET", "/", {"X-API-Key": KEY})  # makes the page, which may take a while
        page = answer("GET", "/", Authorization=f"Basic {login}")
        assert (page.status, b"<title>clickstats" in page.body) == (200, True)
        assert answer("GET", "/healthz").status == 200
