"""From PostgreSQL to frames: whole tables, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple, TypeVar
from uuid import UUID

import polars as pl
from psycopg2 import sql

from pipeline.database.connection import Snapshot
from pipeline.database.transport import SnapshotReader
from pipeline.errors import SchemaError
from pipeline.run_report import Advance, no_advance
from pipeline.scoring.attribution import attributed, numbered, unpacked
from pipeline.settings import Settings
from pipeline.source_shape import (
    duplicate_id_problems,
    tracking_id_problems,
)
from schema.columns import APPLICATIONS, CLICKS, LINKS, READ, link_functions
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
    "links": Table("link_tracking", 8_192, as_arrays=True),
    "clicks": Table("link_clicks", 16_384, as_arrays=True),
}
# at least 50,000 applications a slice, at most 64 slices
APPLICATIONS_PER_SLICE, SLICES = 50_000, 64
FIRST_ID, LAST_ID = f"{UUID(int=0)}", f"{UUID(int=2**128 - 1)}"
BLOCKS = """
SELECT pg_relation_size(oid) / current_setting('block_size')::bigint
FROM pg_class WHERE oid = %s::regclass AND relkind = 'r'
"""


@dataclass(frozen=True)
class Extracted:
    """What the source's tables held at one snapshot.

    `applications` as `schema.columns.APPLICATIONS` without the keys, in key order; `clicks` one row
    per click of an application, usable or not, as `scoring.attribution.attributed` gives them,
    link_function as an Enum.
    """

    applications: pl.DataFrame
    clicks: pl.DataFrame
    clicks_read: int
    clicks_unusable: int
    clicks_in_future: int  # later than the snapshot
    first: int = 0  # the number by which clicks name the first of these applications

    @property
    def _per_slice(self) -> int:
        return max(APPLICATIONS_PER_SLICE, ceil(self.applications.height / SLICES))

    def slices(self) -> Iterator[Extracted]:
        """The same in slices of the applications, one at least: computing takes several times the
        memory of what it computes."""
        number, count = pl.col("application"), self._per_slice
        for start in range(0, max(self.applications.height, 1), count):
            yield replace(
                self,
                applications=self.applications.slice(start, count),
                clicks=self.clicks.filter(number >= start, number < start + count),
                first=start,
            )

    def ranges(self) -> list[tuple[str, str]]:
        """The first and the last application id of each slice."""
        ids = self.applications["application_id"]
        parts = ids.to_frame().iter_slices(self._per_slice)
        return [(part.item(0, 0), part.item(-1, 0)) for part in parts] or [(FIRST_ID, LAST_ID)]


class Source:
    """What a run reads: all applications, or the named ones, at one snapshot.

    Tables are read in parts, ranges of their blocks, each of which becomes small before the next
    ones are there. A view has one part.
    """

    def __init__(
        self, snapshot: Snapshot, settings: Settings, application_ids: Sequence[str] = ()
    ) -> None:
        self.snapshot = snapshot
        self.whole = not application_ids
        self.reader = SnapshotReader(snapshot, settings, bulk=self.whole)
        self.parameters: dict[str, object] = {
            "application_ids": "{" + ",".join(application_ids) + "}",
            "seed_1": str(secrets.randbits(63)),
            "seed_2": str(secrets.randbits(63)),
        }

    def extract(self, advance: Advance = no_advance) -> Extracted:
        """The applications and their clicks; `advance` is told of the clicks, part by part."""
        self._check()
        applications = pl.concat(self._read("applications", APPLICATIONS, lambda part: part))
        # by two columns, since then Polars sorts them as bytes: twice as fast as one of strings
        applications = applications.sort("application_id", "application_key_1")
        self._check_ids(applications["application_id"])
        links = self._links(applications)
        counts: list[tuple[int, int, int]] = []

        def take(packed: pl.DataFrame) -> pl.DataFrame:
            clicks = unpacked(packed.lazy()).collect()
            in_future = (clicks["clicked_at"] > self.snapshot.taken_at).sum()
            counts.append((clicks.height, clicks["clicked_at"].null_count(), int(in_future)))
            return attributed(clicks.lazy(), links.lazy()).collect()

        applications = applications.drop("application_key_1", "application_key_2")
        clicks = pl.concat(self._read("clicks", CLICKS, take, advance))
        read, unusable, in_future = map(sum, zip(*counts, strict=True))
        heights = (f"{number:,}" for number in (applications.height, links.height, read))
        log.debug("%s applications, %s links of theirs and %s clicks read", *heights)
        return Extracted(applications, clicks, read, unusable, in_future)

    def _links(self, applications: pl.DataFrame) -> pl.DataFrame:
        def take(links: pl.DataFrame) -> pl.DataFrame:
            # millions of links need no text each
            small = links.lazy().with_columns(pl.col("link_function").cast(pl.Categorical))
            return numbered(small, applications.lazy()).collect()

        links = pl.concat(self._read("links", LINKS, take))
        _check_links(links)
        functions = link_functions(links["link_function"].unique().cast(pl.String))
        return links.with_columns(pl.col("link_function").cast(functions))

    def _check(self) -> None:
        """Let the server say what is missing by a code; through ConnectorX it says so in prose.
        Look for what it would not say."""
        for name in TABLES if self.whole else ():
            self.reader.row_without_lock(f"EXPLAIN {self._bound(name)}")
        if problems := tracking_id_problems(self.snapshot.connection):
            raise SchemaError("; ".join(problems))

    def _check_ids(self, sorted_ids: pl.Series) -> None:
        """Each application once; `sorted_ids` in their order, nulls first."""
        if sorted_ids.null_count():
            raise SchemaError(
                f"job_applications has {sorted_ids.null_count():,} rows whose id is null; expected "
                "an id in each row; mend the table or view"
            )
        if (sorted_ids == sorted_ids.shift()).any():
            connection = self.snapshot.connection
            problems = duplicate_id_problems(connection)
            raise SchemaError("; ".join(problems))

    def _read(
        self,
        name: str,
        schema: pl.Schema,
        take: Callable[[pl.DataFrame], Result],
        advance: Advance = no_advance,
    ) -> list[Result]:
        """What `take` makes of each part of a table while the next ones are read."""
        texts = list(self._parts(name))
        as_arrays = TABLES[name].as_arrays and len(texts) > 1
        taken, rows = [], 0
        with closing(self.reader.frames(texts, schema, as_arrays=as_arrays)) as parts:
            for part in parts:
                taken.append(take(part))
                rows += part.height
                # all parts but the last are of the same size
                advance(rows, rows * len(texts) // len(taken))
        return taken

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

        for start, end in zip((0, *starts), (*starts, None), strict=True):
            part = sql.SQL("WITH {table} AS (SELECT {columns} FROM {table} WHERE {blocks})").format(
                table=sql.Identifier(table.name),
                columns=sql.SQL(", ").join(map(sql.Identifier, READ[table.name])),
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
        return self.reader.bound(statement(name), self.parameters)


def _check_links(links: pl.DataFrame) -> None:
    if missing := links["link_function"].null_count():
        raise SchemaError(
            f"link_tracking has {missing:,} links of applications whose link_function is null; "
            "expected a text in each row; mend the table or view"
        )
    if links["link_key"].n_unique() < links.height:
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
