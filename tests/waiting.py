"""Waiting for something that another process does."""

import time
from collections.abc import Callable

AT_ONCE = 3  # seconds, on a machine that is busy with other tests; alone it takes a few tenths


def wait_until(holds: Callable[[], object], seconds: float = 15) -> None:
    """Ask again and again, for at most so long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
