"""The command line: which commands there are, and how errors become one line and an exit code.

Heavy libraries are imported inside the commands that use them, so that `--help` and shell
completion answer at once.
"""

import errno
import os
import re
import signal
import sys
from copy import copy
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from cli.capture import capture
from cli.changes import changes
from cli.completion import completed_for
from cli.definition import definition
from cli.demo import demo
from cli.describe import describe
from cli.explain import explain
from cli.export import export
from cli.follow import follow
from cli.followups import followups
from cli.migrate import migrate
from cli.output import printable
from cli.predict import predict
from cli.report import report
from cli.run import run
from cli.serve.command import serve
from cli.status import status
from cli.verify import verify
from pipeline import __version__
from pipeline.errors import ClickstatsError

app = typer.Typer(
    name="clickstats",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

READER_GONE = 1  # as in `clickstats … | head`; no message, since it is no mistake
NUMBERS = {"int": "whole number", "float": "number"}  # to Typer: "int", "int range", …
CANNOT_WRITE = {errno.EPIPE: READER_GONE, errno.ENOSPC: 2, errno.EDQUOT: 2, errno.EFBIG: 2}


def print_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"clickstats {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Turn the link clicks of job applications into metrics and two scores, in PostgreSQL."""


app.command(
    epilog="Examples: clickstats run --all (from cron); "
    "clickstats run --app-id 123e4567-e89b-12d3-a456-426614174000"
)(run)
app.command(epilog="Example: clickstats followups --within 7d")(followups)
app.command(epilog="Example: clickstats changes --since 7d")(changes)
app.command(epilog="Example: clickstats explain 123e4567-e89b-12d3-a456-426614174000")(explain)
app.command(epilog='Example: clickstats describe "quick response"')(describe)
app.command(epilog="Example: clickstats report --html report.html --timezone Europe/Berlin")(report)
app.command(epilog="Example: clickstats predict --landmark 3d --mature 30d")(predict)
app.command(epilog="Example: clickstats export scores.parquet --min-intent 50")(export)
app.command(epilog="Example: clickstats migrate --check")(migrate)
app.command(epilog="Example: clickstats capture on; then clickstats run --changed")(capture)
app.command(epilog="Example: clickstats follow --every 2s")(follow)
app.command(epilog="Example: clickstats status --max-age 26h")(status)
app.command(epilog="Example: clickstats verify --sample 1000")(verify)
app.command(epilog="Example: clickstats definition > clickstats.toml")(definition)
app.command(epilog="Example: clickstats serve --port 8000")(serve)
app.command(epilog="Example: clickstats demo --timezone Europe/Berlin")(demo)


def main() -> NoReturn:
    """Run the command line; a user's mistake becomes one line and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # what its encoding lacks is shown as ?
        sys.stdout.reconfigure(errors="replace")
    try:
        code = 0
        if not completed_for(sys.argv[1:]):
            code = _with(sys.argv[1:2])(standalone_mode=False, prog_name="clickstats")
        signal.setitimer(signal.ITIMER_REAL, 0)  # if one came, it has been answered
        sys.stdout.flush()  # now, while an error can still be told
    except ClickstatsError as error:
        _complain(str(error))
        code = error.exit_code
    except TyperException as error:
        if message := error.format_message():
            message = re.sub(
                r"valid (int|float)( range)?\.?$",  # what was typed stays as it is
                lambda found: f"valid {NUMBERS[found[1]]}",
                message,
            )
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "clickstats"
            see = " See" if message.endswith("?") else "; see"
            _complain(f"{message.rstrip('.')}{see} {command} --help")
        code = 2
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        # Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = CANNOT_WRITE[error.errno]
        if code != READER_GONE:
            said = f"cannot write the output: {error.strerror}"
            _complain(", but ".join([*getattr(error, "__notes__", []), said]))
    if code == 130:
        _complain("interrupted; nothing was written")
    sys.exit(code)


def _with(names: list[str]) -> typer.Typer:
    """The app with the named command alone, if there is one: to make one takes a millisecond."""
    named = [
        one for one in app.registered_commands if getattr(one.callback, "__name__", "") in names
    ]
    if not named:
        return app
    alone = copy(app)
    alone.registered_commands = named
    return alone


def _complain(message: str) -> None:
    print(f"clickstats: {printable(message)}", file=sys.stderr)
