"""The command line as a real process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLICKSTATS = Path(sys.executable).with_name("clickstats")


@contextmanager
def clickstats(url: str, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A running command, killed on leaving if it has not ended."""
    with subprocess.Popen(
        [CLICKSTATS, *arguments],
        env={**os.environ, "CLICKSTATS_DATABASE_URL": url, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(url: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """A command's exit code, standard output and standard error."""
    with clickstats(url, *arguments, **environment) as process:
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors
