"""How the server reads a text between quotes. psycopg2 asks for that when it connects, and never
again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2

from pipeline.database.attempts import connected
from pipeline.database.server_errors import one_line
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as AnyConnection

PLAIN_QUOTES = "-c standard_conforming_strings=on"


def quotes_otherwise(connection: AnyConnection) -> bool:
    """Whether a backslash in a text between quotes means something: with what transactions set
    (`connection.set_up`) texts would lose backslashes, and end at a quote that has one before it.
    """
    return connection.info.parameter_status("standard_conforming_strings") == "off"


def quoting_plainly(connection: AnyConnection, parameters: dict[str, Any], pause: float) -> Any:
    """A connection in place of this one that asks for plain quotes from the beginning, as the
    parameters do from now on. Raises `ConfigurationError` where it does not get them: a pooler may
    refuse to ask."""
    given = connection.info.dsn_parameters.get("options", "")  # or by PGOPTIONS
    connection.close()
    parameters["options"] = f"{given} {PLAIN_QUOTES}".strip()
    try:
        another = connected(parameters, pause)
        if not quotes_otherwise(another):
            return another
        another.close()
        why = "the connection cannot change that"
    except psycopg2.OperationalError as error:
        why = one_line(error)
    raise ConfigurationError(
        f"standard_conforming_strings is off for this role or database; expected on: {why}; "
        "nothing was done; ALTER ROLE … SET standard_conforming_strings = on"
    )
