"""From PostgreSQL to frames: every table whole, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from pipeline.database import Snapshot, bound, server_errors
from pipeline.errors import SchemaError
from pipeline.reader import connectorx_url, read_by_connectorx, read_by_copy
from pipeline.settings import Settings
from schema.columns import APPLICATIONS, CLICKS, IMAGE, LINKS, link_functions
from schema.sql import statement

SCHEMAS = {"applications": APPLICATIONS, "links": LINKS, "clicks": CLICKS, "stored": IMAGE}
# what is read over one connection, one after the other, while the other connection reads
STREAMS = (("clicks",), ("applications", "links", "stored"))


@dataclass(frozen=True)
class Extracted:
    """The frames of one snapshot, as `schema.columns` describes them."""

    applications: pl.LazyFrame
    links: pl.LazyFrame  # link_function as an Enum in byte order
    clicks: pl.LazyFrame
    stored: pl.LazyFrame


def extract_all(snapshot: Snapshot, settings: Settings) -> Extracted:
    """Everything, over two connections at once; through psycopg2 where ConnectorX can't go."""
    statements = _statements(snapshot, ())
    url = connectorx_url(snapshot.connection)
    if url is None:
        return _extracted(_copied(snapshot, statements))
    _check(snapshot, statements)

    def read(names: Sequence[str]) -> dict[str, pl.DataFrame]:
        return {
            name: read_by_connectorx(url, snapshot, settings, statements[name], SCHEMAS[name])
            for name in names
        }

    with ThreadPoolExecutor(len(STREAMS)) as threads:
        frames = {
            name: frame for part in threads.map(read, STREAMS) for name, frame in part.items()
        }
    return _extracted(frames)


def extract_named(snapshot: Snapshot, application_ids: Sequence[str]) -> Extracted:
    """What belongs to the named applications, through the indexes, over the snapshot's own
    connection."""
    return _extracted(_copied(snapshot, _statements(snapshot, application_ids)))


def _statements(snapshot: Snapshot, application_ids: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, object] = {
        "application_ids": "{" + ",".join(application_ids) + "}",
        "seed_1": str(secrets.randbits(63)),
        "seed_2": str(secrets.randbits(63)),
    }
    return {name: bound(snapshot.connection, statement(name), parameters) for name in SCHEMAS}


def _check(snapshot: Snapshot, statements: dict[str, str]) -> None:
    """Let the server say what is missing where it says so with a code: ConnectorX has only text."""
    with server_errors(), snapshot.connection.cursor() as cursor:
        for text in statements.values():
            cursor.execute(f"EXPLAIN {text}")


def _copied(snapshot: Snapshot, statements: dict[str, str]) -> dict[str, pl.DataFrame]:
    return {
        name: read_by_copy(snapshot.connection, text, SCHEMAS[name])
        for name, text in statements.items()
    }


def _extracted(frames: dict[str, pl.DataFrame]) -> Extracted:
    links = frames["links"]
    keys = links.select("link_key_1", "link_key_2")
    if keys.n_unique() < links.height:
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
    functions = link_functions(links["link_function"].unique())
    return Extracted(
        applications=frames["applications"].lazy(),
        links=links.lazy().with_columns(pl.col("link_function").cast(functions)),
        clicks=frames["clicks"].lazy(),
        stored=frames["stored"].lazy(),
    )
