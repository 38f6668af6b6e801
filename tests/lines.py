"""A line to the server that a test can stall, close and reset: a proxy on a port of its own."""

import re
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from tests.databases import Database

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST


class Line:
    """Hands on what comes, both ways, until told otherwise."""

    def __init__(self, database: Database) -> None:
        self.lead_to(database)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.database = Database(
            re.sub(r"@[^:/@]+:\d+/", f"@127.0.0.1:{port}/", database.url), database.name
        )
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._stalled = self._ended = self._reset = False
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def lead_to(self, *databases: Database) -> None:
        """Connect new clients to the servers in turn, and all later ones to the last server."""
        found = [re.search(r"@([^:/@]+):(\d+)/", database.url) for database in databases]
        self._servers = [(server[1], int(server[2])) for server in found if server]

    def stall(self) -> None:
        """Hand on nothing any more; connections stay."""
        self._stalled = True

    def close(self) -> None:
        """End every connection, and take no new one."""
        self._ended = True
        self._thread.join()

    def reset(self) -> None:
        """The same, by RST."""
        self._reset = True
        self.close()

    def _serve(self) -> None:
        while not self._ended:
            ready, _, _ = select.select([self._listener, *self._pairs], [], [], 0.02)
            for one in ready if not self._stalled else []:
                if one is self._listener or one in self._pairs:
                    self._pass(one)
        self._listener.close()
        for one in self._pairs:
            if self._reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()

    def _pass(self, one: socket.socket) -> None:
        if one is self._listener:
            client, _ = one.accept()
            server = socket.create_connection(self._servers[0])
            self._servers = self._servers[1:] or self._servers
            self._pairs |= {client: server, server: client}
            return
        other, data = self._pairs[one], b""
        with suppress(OSError):  # one end is gone
            if data := one.recv(65536):
                other.sendall(data)
                return
        for end in (one, other):
            self._pairs.pop(end, None)
            end.close()


@contextmanager
def line(database: Database) -> Iterator[Line]:
    """A line to the database, closed on leaving."""
    through = Line(database)
    try:
        yield through
    finally:
        through.close()
