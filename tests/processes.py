"""The command line as a process that is still running, to be held, signalled and killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.commands import MAIN, ROOT, inherited


@contextmanager
def started(url: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The command over this database, killed on leaving if it has not ended."""
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        env=inherited() | {"CLICKSTATS_DATABASE_URL": url},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
