"""The command line as a user runs it: its exit code, its output and what it says besides."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.databases import Database

MAIN = "from cli import main; main()"
ROOT = Path(__file__).parents[1]


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
    *arguments: str,
    database: Database | None = None,
    output: IO[bytes] | int = subprocess.PIPE,
    **environment: str,
) -> Answer:
    """Run the command in a process of its own, with nothing of our settings in its environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLICKSTATS_", "PG"))
    }
    if database:
        environment["CLICKSTATS_DATABASE_URL"] = database.url
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        env=inherited | environment,
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr.decode())
