"""A snapshot that other processes adopt, also on other machines, to read the same state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlencode

from pipeline.database.connection import (
    SERVER,
    TWO_SERVERS,
    Snapshot,
    next_transaction,
    session,
)
from pipeline.errors import Refused
from pipeline.settings import Settings


@dataclass(frozen=True)
class Exported:
    """A snapshot for other processes, also on other machines, to adopt while it is held open."""

    settings: Settings  # for the very server
    host: str
    name: str
    taken_at: datetime
    server: datetime  # when it was started

    @contextmanager
    def adopted(self) -> Iterator[Snapshot]:
        """The same state of the database, over a session of its own; raise `Refused` when the
        address leads to another server."""
        with session(self.settings, snapshot=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {SERVER}")
            if cursor.fetchone() != (self.server,):
                raise Refused(TWO_SERVERS)
            next_transaction(connection, self.settings)
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (self.name,))
            yield Snapshot(connection, self.name, self.taken_at, self.server)


def exported(snapshot: Snapshot, settings: Settings) -> Exported:
    """The snapshot, with what another process needs to reach the server of its connection."""
    info = snapshot.connection.info
    parameters = info.dsn_parameters | {"host": info.host, "port": str(info.port)}
    if "," in parameters.get("hostaddr", ""):
        del parameters["hostaddr"]  # which of them it was is not known
    if info.password:
        parameters["password"] = info.password
    url = f"postgresql:///?{urlencode(parameters, quote_via=quote)}"
    with snapshot.connection.cursor() as cursor:
        cursor.execute(f"SELECT {SERVER}")
        [server] = cursor.fetchone()  # type: ignore[misc]
    return Exported(
        replace(settings, database_url=url, pool=None),
        info.host,
        snapshot.name,
        snapshot.taken_at,
        server,
    )
