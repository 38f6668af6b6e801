"""`clickstats follow`: compute what changes, for as long as the process lives."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Annotated

import typer

from cli.cycles import collect_cycles
from cli.logs import configure
from cli.options import (
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Format,
    KeepDays,
    LogFormat,
    Quiet,
    Schema,
    Timezone,
    Verbose,
)
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

NOTIFY_SOCKET = "NOTIFY_SOCKET"
LONGEST = 3600  # seconds
MISSING = (
    "systemd waits for a word (Type=notify), which needs the optional package systemd-watchdog; "
    "install it with: pip install 'clickstats[systemd]'"
)


def follow(
    every: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="How often to look: a number and s or m, such as 2s."
        ),
    ] = "2s",
    keep_days: KeepDays = 400,
    log_format: LogFormat = Format.text,
    quiet: Quiet = False,
    verbose: Verbose = False,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Compute what changes, within seconds, until it is ended: `run --changed` again and again.

    Needs `clickstats capture on`. SIGTERM ends it within a second, with exit code 0.
    """
    from pipeline.answers.status import duration
    from pipeline.database.pool import Pool

    seconds = duration(every).total_seconds()
    if not 0.1 <= seconds <= LONGEST:
        raise ConfigurationError(f"--every {every}; expected 0.1s to 1h")
    settings = Settings(
        database_url,
        schema,
        timezone,
        connect_timeout,
        definition_file=definition,
        pool=Pool(),
    )
    # a line for each round, not one for each phase
    configure(settings.run_id, log_format, quiet=quiet, verbose=verbose, phases=False)
    alive = service_manager()

    from pipeline.follow import follow as compute_for_ever
    from pipeline.run import Options

    collect_cycles()
    try:
        compute_for_ever(settings, seconds, Options(keep_days=keep_days), alive)
    except (KeyboardInterrupt, SystemExit):
        logging.getLogger("clickstats").info("ended")


def service_manager() -> Callable[[], object]:
    """What tells systemd, where it started the process, that all is well; at its first call that
    the service is ready."""
    if not os.environ.get(NOTIFY_SOCKET):
        return lambda: None
    try:
        from systemd_watchdog.systemd_watchdog import WatchDog
    except ModuleNotFoundError:
        raise ConfigurationError(MISSING) from None
    manager = WatchDog()
    told = False

    def alive() -> None:
        nonlocal told
        if not told:
            manager.ready()
            told = True
        manager.ping()

    return alive
