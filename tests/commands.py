"""The command line as a user runs it: its exit code, its output and what it says besides.

`clickstats` runs it inside the process of the tests, which is several times as fast. `as_process`
runs it in a process of its own, for tests of what only a process has: signals, closed outputs,
encodings, the start.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO
from unittest.mock import patch

import typer.rich_utils  # noqa: F401 (reads the environment when it is imported: ours, not a test's)

from cli.app import main
from tests.databases import Database

MAIN = "from cli import main; main()"
ROOT = Path(__file__).parents[1]
TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"}


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode()


def clickstats(
    *arguments: str, database: Database | str | None = None, **environment: str
) -> Answer:
    """Run the command here, over a database or its URL, with nothing of our settings in its
    environment. A bug is raised."""
    output, errors = BytesIO(), BytesIO()
    with (
        patch.dict(os.environ, _environment(database, environment), clear=True),
        patch("sys.argv", ["clickstats", *arguments]),
        redirect_stdout(TextIOWrapper(output, encoding="utf-8")) as stdout,
        redirect_stderr(TextIOWrapper(errors, encoding="utf-8")) as stderr,
        chdir(ROOT),
        _signals_and_log_kept(),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        stdout.flush()
        stderr.flush()
    assert isinstance(code, int)
    return Answer(code, output.getvalue(), errors.getvalue().decode())


def as_process(
    *arguments: str,
    database: Database | str | None = None,
    output: IO[bytes] | int = subprocess.PIPE,
    code: str = MAIN,
    **environment: str,
) -> Answer:
    """Run the command in a process of its own, with nothing of our settings in its environment."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=_environment(database, environment),
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr.decode())


def _environment(database: Database | str | None, given: dict[str, str]) -> dict[str, str]:
    if database is None:
        return inherited() | given
    url = database.url if isinstance(database, Database) else database
    return inherited() | given | {"CLICKSTATS_DATABASE_URL": url}


def inherited() -> dict[str, str]:
    """The environment of the tests without settings of clickstats, of libpq and of a terminal."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLICKSTATS_", "PG")) and name not in TERMINAL
    }


@contextmanager
def _signals_and_log_kept() -> Iterator[None]:
    """Put back what the command sets for its whole process."""
    log = logging.getLogger("clickstats")
    handlers, propagate, level = log.handlers, log.propagate, log.level
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    signals = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)
        for number, handler in signals.items():
            signal.signal(number, handler)
