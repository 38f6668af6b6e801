"""`clickstats serve` as a process of its own, and what it answers over real HTTP."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.commands import MAIN, ROOT, inherited
from tests.databases import Database
from tests.waiting import wait_until

KEY = "a-key-that-nobody-guesses"
TO_START = 30  # seconds, on a machine that is busy with other tests


@dataclass(frozen=True)
class Reply:
    """An answer: headers by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A server that is running."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Ask over a connection of its own."""
        with closing(self.connect()) as connection:
            return ask(connection, method, path, headers, body)

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Reply:
    """Ask over a connection that may be kept."""
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(answer.status, found, answer.read())


@contextmanager
def serving(database: Database | str, *arguments: str, **environment: str) -> Iterator[Served]:
    """The server over this database, or its URL, on a port that was free; killed on leaving if it
    has not ended."""
    url = database.url if isinstance(database, Database) else database
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "serve", "--port", "0", *arguments],
            env=inherited() | {"CLICKSTATS_DATABASE_URL": url} | environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield Served(process, _port(process, Path(log.name)), Path(log.name))
            finally:
                process.kill()


def _port(process: "subprocess.Popen[str]", log: Path) -> int:
    found: list[str] = []

    def is_listening() -> bool:
        found[:] = re.findall(r"listening on http://\S+:(\d+)", log.read_text())
        assert process.poll() is None, log.read_text()
        return bool(found)

    wait_until(is_listening, TO_START)
    return int(found[0])
