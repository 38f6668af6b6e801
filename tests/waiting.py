"""Waiting for something that another process does."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], seconds: float = 15) -> None:
    """Ask again and again, for at most so long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
