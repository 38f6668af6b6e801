"""From PostgreSQL to frames: whole tables, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import NamedTuple, TypeVar

import polars as pl
from psycopg2 import sql

from pipeline.attribution import attributed, numbered
from pipeline.database import Snapshot, bound, cancel_queries, in_turn, interruptible
from pipeline.errors import SchemaError
from pipeline.reader import connectorx_url, read_by_connectorx, read_by_copy
from pipeline.settings import Settings
from schema.columns import APPLICATIONS, CLICKS, IMAGE, LINKS, link_functions
from schema.sql import statement

log = logging.getLogger("clickstats")

Result = TypeVar("Result")


class Table(NamedTuple):
    """The table that a statement reads."""

    name: str
    blocks: int  # read at once, at most: some 40 MB of memory
    as_arrays: bool = False  # whether that is quicker: where most columns are numbers


TABLES = {
    "applications": Table("job_applications", 4_096),
    "links": Table("link_tracking", 4_096, as_arrays=True),
    "clicks": Table("link_clicks", 16_384, as_arrays=True),
    "stored": Table("link_click_analytics", 4_096),
}
APPLICATIONS_PER_SLICE = 200_000
BLOCKS = """
SELECT pg_relation_size(oid) / current_setting('block_size')::bigint
FROM pg_class WHERE oid = %s::regclass AND relkind = 'r'
"""


@dataclass(frozen=True)
class Extracted:
    """What the source's tables held at one snapshot.

    `applications` as `schema.columns.APPLICATIONS` without the keys; `clicks` one row per click of
    an application, usable or not, as `pipeline.attribution.attributed` gives them, link_function as
    an Enum.
    """

    applications: pl.LazyFrame
    clicks: pl.LazyFrame
    clicks_read: int
    clicks_unusable: int
    clicks_in_future: int  # later than the snapshot

    def slices(self) -> Iterator[Extracted]:
        """The same in slices of the applications, one at least: computing takes several times the
        memory of what it computes."""
        number, count = pl.col("application"), APPLICATIONS_PER_SLICE
        total = self.applications.select(pl.len()).collect().item()
        for start in range(0, max(total, 1), count):
            clicks = self.clicks.filter(number >= start, number < start + count)
            yield replace(
                self,
                applications=self.applications.slice(start, count),
                clicks=clicks.with_columns(number - start),
            )


class Source:
    """What a run reads: all applications, or the named ones, at one snapshot.

    Tables are read in parts, ranges of their blocks, each of which becomes small before the next
    ones are there. A view has one part.
    """

    def __init__(
        self, snapshot: Snapshot, settings: Settings, application_ids: Sequence[str] = ()
    ) -> None:
        self.snapshot = snapshot
        self.settings = settings
        self.whole = not application_ids
        # ConnectorX is for the bulk; where it can't go, and for a few rows, psycopg2 reads
        self.url = connectorx_url(snapshot.connection, settings.schema) if self.whole else None
        if application_ids:
            log.debug("reading by COPY: only named applications")
        self.parameters: dict[str, object] = {
            "application_ids": "{" + ",".join(application_ids) + "}",
            "seed_1": str(secrets.randbits(63)),
            "seed_2": str(secrets.randbits(63)),
        }

    def extract(self) -> Extracted:
        """The applications and their clicks."""
        if self.url:
            interruptible(self.snapshot.connection, self._check)
        applications = pl.concat(self._read("applications", APPLICATIONS, lambda part: part))
        links = self._links(applications)
        counts: list[tuple[int, int, int]] = []

        def take(clicks: pl.DataFrame) -> pl.DataFrame:
            in_future = (clicks["clicked_at"] > self.snapshot.taken_at).sum()
            counts.append((clicks.height, clicks["clicked_at"].null_count(), int(in_future)))
            return attributed(clicks.lazy(), links.lazy()).collect()

        applications = applications.drop("application_key_1", "application_key_2")
        clicks = pl.concat(self._read("clicks", CLICKS, take))
        read, unusable, in_future = map(sum, zip(*counts, strict=True))
        heights = (f"{number:,}" for number in (applications.height, links.height, read))
        log.debug("%s applications, %s links of theirs and %s clicks read", *heights)
        return Extracted(applications.lazy(), clicks.lazy(), read, unusable, in_future)

    def _links(self, applications: pl.DataFrame) -> pl.DataFrame:
        def take(links: pl.DataFrame) -> pl.DataFrame:
            # millions of links need no text each
            small = numbered(links.lazy(), applications.lazy())
            return small.with_columns(pl.col("link_function").cast(pl.Categorical)).collect()

        links = pl.concat(self._read("links", LINKS, take))
        _check_unique(links)
        functions = link_functions(links["link_function"].unique().cast(pl.String))
        return links.with_columns(pl.col("link_function").cast(functions))

    def stored(self, take: Callable[[pl.DataFrame], Result]) -> list[Result]:
        """What `take` makes of the stored rows of applications: a frame for each part, one at
        least, as `schema.columns.IMAGE`."""
        return self._read("stored", IMAGE, take)

    def rows_without_application(self) -> int:
        """How many stored rows another program wrote without an application."""
        return interruptible(self.snapshot.connection, self._count_without_application)

    def _count_without_application(self) -> int:
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM link_click_analytics WHERE application_id IS NULL")
            count: int = cursor.fetchone()[0]  # type: ignore[index]
            return count

    def _check(self) -> None:
        """Let the server say what is missing by a code; through ConnectorX it says so in prose."""
        with self.snapshot.connection.cursor() as cursor:
            for name in TABLES:
                cursor.execute(f"EXPLAIN {self._bound(name)}")

    def _read(
        self, name: str, schema: pl.Schema, take: Callable[[pl.DataFrame], Result]
    ) -> list[Result]:
        """What `take` makes of each part of the statement's rows while the next ones are read, over
        two connections; over the snapshot's own where ConnectorX cannot go."""

        texts = interruptible(self.snapshot.connection, lambda: list(self._parts(name)))
        as_arrays = TABLES[name].as_arrays and len(texts) > 1

        def read(text: str) -> pl.DataFrame:
            if self.url is None:
                return read_by_copy(self.snapshot.connection, text, schema)
            return read_by_connectorx(
                self.url, self.snapshot, self.settings, text, schema, as_arrays=as_arrays
            )

        parts = in_turn(
            [partial(read, text) for text in texts],
            cancel=lambda: cancel_queries(self.settings),
            threads=2 if self.url else 1,
        )
        with closing(parts):
            return [take(part) for part in parts]

    def _parts(self, name: str) -> Iterator[str]:
        """The statement, for each part of its table: in place of the table stands what it has in a
        range of blocks, the last of which has no end."""
        table, text = TABLES[name], self._bound(name)
        blocks = self._blocks(table.name)
        pairs = ceil(blocks / table.blocks / 2)  # of equal parts: there are two connections
        size = max(ceil(blocks / max(pairs, 1) / 2), table.blocks // 8, 1)
        starts = range(size, blocks, size)
        if not starts:
            yield text
            return

        from schema.tables import columns_of  # with SQLAlchemy, a fifth of a second

        for start, end in zip((0, *starts), (*starts, None), strict=True):
            part = sql.SQL("WITH {table} AS (SELECT {columns} FROM {table} WHERE {blocks})").format(
                table=sql.Identifier(table.name),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns_of(table.name))),
                blocks=sql.SQL(
                    f"ctid >= '({start},0)'" + (f" AND ctid < '({end},0)'" if end else "")
                ),
            )
            yield f"{part.as_string(self.snapshot.connection)}\n{text}"

    def _blocks(self, table: str) -> int:
        """How large the table is; 0 where it is a view, and where only a few rows are wanted."""
        if not self.whole:
            return 0
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute(BLOCKS, (table,))
            found = cursor.fetchone()
            return int(found[0]) if found else 0

    def _bound(self, name: str) -> str:
        return bound(self.snapshot.connection, statement(name), self.parameters)


def _check_unique(links: pl.DataFrame) -> None:
    if links["link_key"].n_unique() < links.height:
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
