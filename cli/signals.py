"""SIGINT and SIGTERM end the process by an exception, even where one is lost.

Python ignores what is raised in a finalizer or in the callback of a weak reference, of which there
are hundreds in its imports; psycopg2 ignores what is raised while it imports `ssl`.
"""

import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from pipeline.errors import signal_behind

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

ONCE_MORE = 0.7  # seconds; by then what was raised is on its way, if it is not lost


def answer_signals() -> None:
    """From now on; what the caller has told the process to ignore stays so."""
    sys.unraisablehook = _say_unless_signal
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, partial(_end, number))


def _end(number: signal.Signals, *_: object) -> None:
    """Raise, and come again unless what was raised is on its way."""
    if signal_behind(sys.exception()):
        return
    signal.signal(signal.SIGALRM, partial(_end, number))
    signal.setitimer(signal.ITIMER_REAL, ONCE_MORE)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(143)


def _say_unless_signal(ignored: "UnraisableHookArgs") -> None:
    if not issubclass(ignored.exc_type, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(ignored)
