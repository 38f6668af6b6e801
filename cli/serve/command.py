"""`clickstats serve`: the same answers over HTTP."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Annotated

import typer

from cli.cycles import collect_cycles
from cli.logs import configure
from cli.options import (
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Format,
    LogFormat,
    Quiet,
    Schema,
    Timezone,
    Verbose,
)
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

KEY = "CLICKSTATS_API_KEY"
SHORTEST_KEY = 16  # characters
CONNECT_PAUSE = 0.05  # seconds: who asks may ask again
MISSING = (
    "`clickstats serve` needs the optional packages starlette and uvicorn; install them with: "
    "pip install 'clickstats[serve]'"
)


def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help=f"The address to listen on; without {KEY} only one of this machine itself.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="0: any that is free.")
    ] = 8000,
    at_once: Annotated[
        int, typer.Option(min=1, max=400, metavar="N", help="Answer at most N requests at once.")
    ] = 64,
    rate: Annotated[
        int,
        typer.Option(min=1, max=100_000, metavar="N", help="At most N requests a second and key."),
    ] = 500,
    timeout: Annotated[
        int, typer.Option(min=1, max=3_600, metavar="SECONDS", help="For each request.")
    ] = 30,
    log_format: LogFormat = Format.json,
    quiet: Quiet = False,
    verbose: Verbose = False,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Answer over HTTP: compute an application now, explain it, whom to follow up, the report.

    /openapi.json says what can be asked. Clients send the key that CLICKSTATS_API_KEY holds in the
    header X-API-Key. SIGTERM ends it within a second, with exit code 0.
    """
    key = os.environ.get(KEY) or None
    if key is not None and not (len(key) >= SHORTEST_KEY and key.isascii() and key.isprintable()):
        raise ConfigurationError(
            f"{KEY} is no key; expected {SHORTEST_KEY} or more printable ASCII characters, such as "
            "`openssl rand -hex 32` prints"
        )
    if key is None and not _is_loopback(host):
        raise ConfigurationError(
            f"without {KEY} everybody who reaches {host} could ask; set it, or listen on 127.0.0.1"
        )
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigurationError(MISSING) from None

    from pipeline.database.pool import Pool

    pool = Pool()
    settings = Settings(
        database_url,
        schema,
        timezone,
        connect_timeout,
        definition_file=definition,
        lock_timeout=timeout,
        gate_wait=timeout,
        statement_timeout=timeout,
        connect_pause=CONNECT_PAUSE,
        pool=pool,
    )
    configure(settings.run_id, log_format, quiet=quiet, verbose=verbose)

    from cli.serve.front import Limits
    from cli.serve.server import listen
    from cli.serve.server import serve as answer
    from cli.serve.service import Service
    from pipeline.calculations import refuse_to_start

    try:
        listening = listen(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}, port {port}: {error.strerror}"
        ) from error
    with listening:
        refuse_to_start(settings)
        collect_cycles()
        answer(Service(settings), pool, listening, Limits(at_once, rate, timeout), key, host)


def _is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine alone. Raises `ConfigurationError`."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"cannot listen on {host!r}: {error}") from error
    return all(
        ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback for *_, address in found
    )
