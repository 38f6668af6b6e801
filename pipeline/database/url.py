"""What the URL of a database says, in libpq's terms."""

from __future__ import annotations

import re
from typing import Any

import psycopg2
import psycopg2.extensions

from pipeline.errors import ConfigurationError

# libpq's names and units; a server that has gone without a word is given up after a minute
DEFAULTS = {
    "connect_timeout": 15,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
EXPECTED_URL = (
    "expected postgresql://user:password@host:5432/database, with special characters in the "
    "password percent-encoded (@ as %40, / as %2F)"
)


def connection_parameters(url: str) -> dict[str, Any]:
    """A libpq or SQLAlchemy URL, or a libpq connection string, as libpq's parameters.

    Nothing of a URL that cannot be read is repeated in the error: it may be the password.
    """
    scheme, found, rest = url.partition("://")
    if found:
        authority, _, path = rest.partition("/")
        stray = authority.count("@") > 1 or "@" in path.partition("?")[0]
        if stray or not re.fullmatch(r"postgres(ql)?(\+psycopg2)?", scheme):
            raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}")
    try:
        # several ?host=name:port are SQLAlchemy's way to name several hosts
        if "+" in scheme or re.search(r"[?&]host=[^/&%]*:\d", rest):
            import sqlalchemy  # a fifth of a second: only for its own kind of URL

            parsed = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg2")
            parameters = dict(parsed.get_dialect()().create_connect_args(parsed)[1])
            psycopg2.extensions.make_dsn(
                **parameters
            )  # refuses a parameter that libpq does not know
        else:
            parameters = dict(psycopg2.extensions.parse_dsn(url))
        if not re.fullmatch("[0-9,]*", str(parameters.get("port", ""))):
            raise ValueError  # a password may stand in the place of the port
    except (psycopg2.ProgrammingError, ValueError, ArithmeticError):
        raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}") from None
    except Exception as error:
        if type(error).__module__.startswith("sqlalchemy"):
            raise ConfigurationError(f"the database URL cannot be read; {EXPECTED_URL}") from None
        raise
    if "replication" in parameters:
        raise ConfigurationError("the database URL asks for replication; expected none of it")
    if not re.fullmatch(r"-?\d{1,9}", str(parameters.get("connect_timeout", 0))):
        raise ConfigurationError(
            "the database URL has a connect_timeout that is no whole number; expected seconds"
        )
    return parameters
