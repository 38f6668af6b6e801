"""From PostgreSQL to frames: every table whole, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import polars as pl

from pipeline.database import Snapshot, bound, cancel_queries, server_errors
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
    rows_without_application: int  # stored by another program; not among `stored`


def extract_all(snapshot: Snapshot, settings: Settings) -> Extracted:
    """Everything, over two connections at once; through psycopg2 where ConnectorX can't go."""
    statements = _statements(snapshot, ())
    url = connectorx_url(snapshot.connection)
    if url is None:
        return _extracted(_copied(snapshot, statements), _rows_without_application(snapshot))
    _check(snapshot, statements)

    def read(names: Sequence[str]) -> dict[str, pl.DataFrame]:
        return {
            name: read_by_connectorx(url, snapshot, settings, statements[name], SCHEMAS[name])
            for name in names
        }

    frames: dict[str, pl.DataFrame] = {}
    with ThreadPoolExecutor(len(STREAMS)) as threads:
        streams = [threads.submit(read, names) for names in STREAMS]
        try:
            for stream in streams:
                frames |= stream.result()
        except BaseException:  # a signal, or one stream failed: the other would read to the end
            while not all(stream.done() for stream in streams):
                cancel_queries(settings)
                wait(streams, timeout=0.2)
            raise
    return _extracted(frames, _rows_without_application(snapshot))


def extract_named(snapshot: Snapshot, application_ids: Sequence[str]) -> Extracted:
    """What belongs to the named applications, through the indexes, over the snapshot's own
    connection."""
    return _extracted(_copied(snapshot, _statements(snapshot, application_ids)), 0)


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


def _rows_without_application(snapshot: Snapshot) -> int:
    with server_errors(), snapshot.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM link_click_analytics WHERE application_id IS NULL")
        count: int = cursor.fetchone()[0]  # type: ignore[index]
        return count


def _extracted(frames: dict[str, pl.DataFrame], rows_without_application: int) -> Extracted:
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
        rows_without_application=rows_without_application,
    )
