"""The command line as a process that is still running, to be held, signalled and killed."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.commands import MAIN, ROOT, inherited


@contextmanager
def started(url: str, *arguments: str, first: str = "") -> Iterator["subprocess.Popen[str]"]:
    """The command over this database, in a process that does `first`; killed on leaving if it has
    not ended."""
    with subprocess.Popen(
        [sys.executable, "-c", first + MAIN, *arguments],
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


def on_terminal(url: str, columns: int, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code of the command on a terminal of this width, and all that it shows there."""
    shown, terminal = pty.openpty()
    with open(shown, "rb", buffering=0) as screen:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-c", MAIN, *arguments],
            env=inherited() | {"CLICKSTATS_DATABASE_URL": url, "TERM": "xterm"} | environment,
            cwd=ROOT,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as process:
            os.close(terminal)
            written = b""
            with suppress(OSError):  # on Linux that is how a terminal ends
                while some := screen.read(65_536):
                    written += some
        return process.returncode, written.decode().replace("\r\n", "\n")
