"""The command line: parse, call one function of the pipeline, render, exit code. No decisions."""

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    gc.disable()  # Python's search for cycles finds none in what is imported: a tenth of the start
    from cli.app import main

    main()
