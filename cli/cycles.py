"""The search for cycles, which `cli.main` turns off for commands that end soon."""

import gc


def collect_cycles() -> None:
    """Search for cycles again, but for what is there by now: for a process that lives on."""
    gc.freeze()
    gc.enable()
