"""The command line: parse, call one function of the pipeline, render, exit code. No decisions."""

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    # the search for cycles finds none in what is imported, and takes a tenth of the start-up time
    gc.disable()
    _open_what_is_closed()
    from cli.signals import answer_signals

    answer_signals()
    try:
        try:
            from cli.app import main
        except KeyboardInterrupt:
            sys.exit(130)
        main()
    except SystemExit as end:
        # answered: while Python ends, one that came again would end the process in its own way
        signal.setitimer(signal.ITIMER_REAL, 0)
        threads = [one for one in threading.enumerate() if one is not threading.main_thread()]
        for one in threads:
            with suppress(RuntimeError):  # a signal came before it had begun
                one.join(0.02)
        # Python would fail to end beside it
        if any(one.ident is None or one.is_alive() for one in threads):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


def _open_what_is_closed() -> None:
    """Let /dev/null stand for an output that the caller has closed (`>&-`). Otherwise the
    connection to the database would get its number, and receive what is printed."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
