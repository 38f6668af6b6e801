"""The log: to standard error, for people or as JSON, each line with the run's id."""

import logging
import sys

from cli.options import Format
from cli.output import printable


class PrintableFormatter(logging.Formatter):
    """A line of the log, in which no text of the server or the database moves the cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = printable(record.message)
        return super().formatMessage(record)


def configure(
    run_id: str, output: Format, *, quiet: bool, verbose: bool, phases: bool = True
) -> None:
    """Say where the log of this process goes and how much is in it: whether a line for each of the
    `phases` of a run, too, where it is not `verbose`."""
    handler = logging.StreamHandler(sys.stderr)
    if output is Format.json:
        from pythonjsonlogger.json import JsonFormatter

        handler.setFormatter(
            JsonFormatter(
                "{asctime}{levelname}{message}",
                style="{",
                rename_fields={"asctime": "time", "levelname": "level"},
                static_fields={"run_id": run_id},
            )
        )
    else:
        line = PrintableFormatter(
            f"%(asctime)s {run_id[:8]} %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"
        )
        handler.setFormatter(line)
        phases = phases and not sys.stderr.isatty()  # there the result says it once more
    if not (phases or verbose):
        handler.addFilter(lambda record: not hasattr(record, "phase"))
    log = logging.getLogger("clickstats")
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)
