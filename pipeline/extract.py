"""From PostgreSQL to frames: whole tables, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import logging
import secrets
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple, TypeVar
from uuid import UUID

import polars as pl
from psycopg2 import sql

from pipeline.database.connection import Snapshot
from pipeline.database.transport import SnapshotReader
from pipeline.definition import Definition
from pipeline.errors import Refused, SchemaError
from pipeline.networks import in_both_forms
from pipeline.run_report import Advance, no_advance
from pipeline.scoring.attribution import (
    attributed,
    has_duplicates,
    in_order,
    index,
    instant,
    used,
)
from pipeline.scoring.user_agents import declared
from pipeline.settings import Settings, Sizes
from pipeline.source_columns import SourceColumns, source_columns
from pipeline.source_rows import (
    in_key_order,
    index_of,
    of_applications,
    refuse_duplicate_links,
    refuse_null_functions,
    spelled,
)
from pipeline.source_shape import (
    beyond_snapshot,
    hold_foreign_tables,
    outdated_index_warnings,
    text_problems,
)
from schema.columns import APPLICATIONS, CLICKS, INSTANT, LINKS, OPTIONAL
from schema.sql import statement

log = logging.getLogger("clickstats")

Result = TypeVar("Result")


class Table(NamedTuple):
    """The table that a statement reads."""

    name: str
    share: int  # one block of it takes the memory of so many blocks of clicks
    as_arrays: bool = False  # whether that is quicker: where most columns are numbers


TABLES = {
    "applications": Table("job_applications", 4),
    "links": Table("link_tracking", 2, as_arrays=True),
    "clicks": Table("link_clicks", 1, as_arrays=True),
}
USER_AGENTS = pl.Schema({"user_agent": pl.String()})
ORIGINS = pl.Schema(
    {
        "link_key_1": pl.Int64(),
        "clicked_at": INSTANT,
        "mark": pl.Int64(),
        "user_agent": pl.String(),
        "ip_address": pl.String(),
    }
)
SLICES = 256  # at most, of at least `Sizes.applications`
PORTION = 4  # slices, whose clicks are taken from all at once
FIRST_ID, LAST_ID = f"{UUID(int=0)}", f"{UUID(int=2**128 - 1)}"
# of a table, its partitions and its children, each of which counts its blocks from 0
BLOCKS = """
WITH RECURSIVE part AS (
    SELECT %(table)s::regclass::oid AS id
    UNION
    SELECT inhrelid FROM pg_inherits JOIN part ON inhparent = id
)
SELECT array_agg(pg_relation_size(id) / current_setting('block_size')::bigint)
FROM part JOIN pg_class ON oid = id
HAVING
    CASE
        WHEN bool_and(relkind IN ('r', 'p')) THEN has_column_privilege(%(table)s, 'ctid', 'SELECT')
    END
"""


@dataclass(frozen=True)
class Extracted:
    """What the source's tables held at one snapshot.

    `applications` as `schema.columns.APPLICATIONS` without the keys, in key order, with
    `application`, their row number; `links` as `scoring.attribution.in_link_order` gives them;
    `clicks` one row per click of an application, usable or not, as `scoring.attribution.attributed`
    gives them.
    """

    applications: pl.DataFrame
    links: pl.DataFrame
    clicks: pl.DataFrame
    clicks_read: int
    clicks_unusable: int
    clicks_in_future: int  # later than the snapshot
    columns: SourceColumns
    per_slice: int = Sizes.applications  # applications, at least
    first_link: int = 0  # the number of the first of these links
    first_id: str = FIRST_ID  # of the ids between these two there is none elsewhere
    last_id: str = LAST_ID

    @property
    def _per_slice(self) -> int:
        return max(self.per_slice, ceil(self.applications.height / SLICES))

    def slices(self) -> Iterator[Extracted]:
        """The same in slices of the applications, one at least: computing takes several times the
        memory of what it computes."""
        for portion in self._cut(self._per_slice * PORTION):
            yield from portion._cut(self._per_slice)

    def _cut(self, count: int) -> Iterator[Extracted]:
        """The same in pieces of so many applications; each costs a look at all clicks."""
        link, numbers = pl.col("link"), self.links["application"]
        of_first: int = self.applications["application"].first() or 0  # type: ignore[assignment]
        for start in range(0, max(self.applications.height, 1), count):
            first, end = (
                numbers.search_sorted(of_first + bound, side="left")
                for bound in (start, start + count)
            )
            number = self.first_link + first
            yield replace(
                self,
                applications=self.applications.slice(start, count),
                links=self.links.slice(first, end - first),
                clicks=self.clicks.filter(link >= number, link < self.first_link + end),
                first_link=number,
            )

    def in_order(self) -> pl.LazyFrame:
        """The used clicks, as `scoring.attribution.in_order` gives them."""
        return in_order(used(self.clicks.lazy()), self.links, self.first_link)

    def ranges(self) -> list[tuple[str, str]]:
        """The first and the last application id that may stand in each slice; together all ids."""
        later = self.applications["application_id"].gather_every(self._per_slice)[1:]
        return id_ranges(self.first_id, later, self.last_id)


def end_of(blocks: int, sizes: Sequence[int]) -> int:
    """The first block before which so many blocks of tables with these sizes are."""
    return bisect_left(
        range(max(sizes)), blocks, key=lambda end: sum(min(end, size) for size in sizes)
    )


def id_ranges(first: str, later: Iterable[str], last: str) -> list[tuple[str, str]]:
    """The ids from the first to the last one, cut before each of the later ones."""
    later = list(later)
    before = [str(UUID(int=UUID(cut).int - 1)) for cut in later]
    return list(zip([first, *later], [*before, last], strict=True))


class Source:
    """What a run reads: all applications, or the named ones, at one snapshot.

    Tables are read in parts, ranges of their blocks, each of which becomes small before the next
    ones are there. A view has one part.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        settings: Settings,
        definition: Definition,
        application_ids: Sequence[str] = (),
        columns: SourceColumns | None = None,
        *,
        over_one_connection: bool = False,
    ) -> None:
        """`columns` are those of the source where they are known already."""
        self.snapshot = snapshot
        self.sizes = settings.sizes
        self.definition = definition
        self.columns = columns or source_columns(snapshot.connection)
        self.whole = not application_ids
        self.outdated = outdated_index_warnings(snapshot.connection)
        one_by_one = (
            beyond_snapshot(snapshot.connection)
            if self.whole and not over_one_connection
            else ["a report is read so" if self.whole else "few rows are wanted"]
        )
        if one_by_one:
            log.debug("reading all by COPY, over one connection: %s", "; ".join(one_by_one))
        self.reader = SnapshotReader(snapshot, settings, bulk=not one_by_one)
        self.parameters: dict[str, object] = {
            "application_ids": "{" + ",".join(application_ids) + "}",
            "seed_1": str(secrets.randbits(63)),
            "seed_2": str(secrets.randbits(63)),
            "machine_networks": in_both_forms(definition.clicks.machine_networks),
            "own_networks": in_both_forms(definition.clicks.own_networks),
            "declared_agents": [],
        }

    def extract(self, advance: Advance = no_advance) -> Extracted:
        """The applications and their clicks; `advance` is told of the clicks, part by part."""
        with self._past_indexes():
            return self._extracted(advance)

    def _past_indexes(self) -> AbstractContextManager[None]:
        """Without indexes, where some may not find every text."""
        return self.reader.past_indexes() if self.outdated else nullcontext()

    def _extracted(self, advance: Advance) -> Extracted:
        self.check()
        applications = in_key_order(
            pl.concat(self._read("applications", APPLICATIONS, lambda part: part)),
            self.snapshot.connection,
        )
        application_index = index_of(applications)
        applications = applications.drop("application_key_1", "application_key_2").with_row_index(
            "application"
        )
        links = self._links(application_index)
        del application_index  # to put the links in order takes the most memory of all
        links = spelled(links, self.definition)
        # of all of them the keys are two thirds of the memory
        link_index = index(links.drop_in_place("link_key") if self.whole else links["link_key"])
        refuse_duplicate_links(has_duplicates(link_index))
        self.look_at_agents()
        clicks, read, unusable, in_future = self._clicks(link_index, advance)
        heights = (f"{number:,}" for number in (applications.height, links.height, read))
        log.debug("%s applications, %s links of theirs and %s clicks read", *heights)
        return Extracted(
            applications,
            links,
            clicks,
            read,
            unusable,
            in_future,
            self.columns,
            self.sizes.applications,
        )

    def _clicks(self, links: pl.Series, advance: Advance) -> tuple[pl.DataFrame, int, int, int]:
        """The clicks of the links with this index, as `scoring.attribution.attributed` gives them;
        and how many were read, are unusable, and are later than the snapshot."""
        counts: list[tuple[int, int, int]] = []

        def take(clicks: pl.DataFrame) -> pl.DataFrame:
            clicked_at = clicks.select(instant(pl.col("packed"))).to_series()
            in_future = (clicked_at > self.snapshot.taken_at).sum()
            counts.append((clicks.height, clicked_at.null_count(), int(in_future)))
            return attributed(clicks, links)

        clicks = pl.concat(self._read("clicks", CLICKS, take, advance))
        read, unusable, in_future = map(sum, zip(*counts, strict=True))
        return clicks, read, unusable, in_future

    def origins(self, links: pl.DataFrame) -> pl.DataFrame:
        """One row per used click of the named applications: `link`, `clicked_at` and `mark` as
        `scoring.attribution.attributed` has them, `user_agent` and `ip_address`. After `extract`,
        which has read the links."""
        text = self._bound("click_origins")
        front = self.columns.in_front(["link_clicks"], self.definition, optional=OPTIONAL)
        text = front.as_string(self.snapshot.connection) + text
        with self._past_indexes():
            [origins] = self.reader.frames([text], ORIGINS)
        keys = links.select(link_key_1=(pl.col("link_key") // 2**64).cast(pl.Int64))
        keys = keys.with_row_index("link")
        return origins.join(keys, on="link_key_1").with_columns(
            pl.col("mark").cast(pl.UInt8), pl.col("user_agent").str.json_decode(pl.String)
        )

    def look_at_agents(self) -> None:
        """Find the different user agents that say that they are programs, before clicks are read:
        many clicks have the same."""
        if "user_agent" not in self.columns.optional:
            return
        text = self._bound("user_agents")
        front = self.columns.in_front(["link_clicks"], self.definition, optional=["user_agent"])
        text = front.as_string(self.snapshot.connection) + text
        agents = self.reader.copied_without_lock(text, USER_AGENTS)
        self.parameters["declared_agents"] = declared(agents["user_agent"])

    def _links(self, applications: pl.Series) -> pl.DataFrame:
        """The links of the applications with this index, as `of_applications` gives them."""
        links = pl.concat(
            self._read("links", LINKS, lambda part: of_applications(part, applications))
        )
        refuse_null_functions(links["link_function"].null_count())
        return links

    def check(self) -> None:
        """Let the server say what is missing by a code; through ConnectorX it says so in prose.
        Look for what it would not say."""
        hold_foreign_tables(self.snapshot.connection)  # first: its server's state begins here
        for name in TABLES if self.whole else ():
            self.reader.row_without_lock(
                f"EXPLAIN {self._stand_in(TABLES[name].name)} {self._bound(name)}"
            )
        if problems := text_problems(self.snapshot.connection):
            raise SchemaError("; ".join(problems))

    def _read(
        self,
        name: str,
        schema: pl.Schema,
        take: Callable[[pl.DataFrame], Result],
        advance: Advance = no_advance,
    ) -> list[Result]:
        """What `take` makes of each part of a table while the next ones are read."""
        texts, as_arrays = self.parts(name)
        taken, rows = [], 0
        with closing(self.reader.frames(texts, schema, as_arrays=as_arrays)) as parts:
            for part in parts:
                taken.append(take(part))
                rows += part.height
                # all parts but the last are of the same size
                advance(rows, rows * len(texts) // len(taken))
        return taken

    def parts(self, name: str) -> tuple[list[str], bool]:
        """The statements that read the parts of a table, and whether as arrays."""
        texts = list(self._parts(name))
        return texts, TABLES[name].as_arrays and len(texts) > 1

    def _parts(self, name: str) -> Iterator[str]:
        """The statement, for each part of its table: in place of the table stands what it has, in
        all its partitions, in a range of blocks, the last of which has no end."""
        table, text = TABLES[name], self._bound(name)
        sizes, at_once = self._blocks(table.name), self.sizes.blocks // table.share
        blocks = sum(sizes)
        pairs = ceil(blocks / at_once / 2)  # of equal parts: there are two connections
        size = max(ceil(blocks / max(pairs, 1) / 2), at_once // 8, 1)
        starts = list(dict.fromkeys(end_of(before, sizes) for before in range(size, blocks, size)))
        if not starts:
            yield f"{self._stand_in(table.name)}\n{text}"
            return

        for start, end in zip((0, *starts), (*starts, None), strict=True):
            within = f"ctid >= '({start},0)'" + (f" AND ctid < '({end},0)'" if end else "")
            yield f"{self._stand_in(table.name, within)}\n{text}"

    def _stand_in(self, table: str, blocks: str = "true") -> str:
        """What stands for the table in a statement, with its times in UTC."""
        clicks = self.definition.clicks
        wanted = {
            "user_agent": self.parameters["declared_agents"],
            "ip_address": clicks.machine_networks or clicks.own_networks,
        }
        optional = [name for name in wanted if wanted[name]]
        columns = self.columns.select(table, self.definition, optional=optional)
        return (
            sql.SQL("WITH {0} AS (SELECT {1} FROM {0} WHERE {2})")
            .format(sql.Identifier(table), columns, sql.SQL(blocks))
            .as_string(self.snapshot.connection)
        )

    def _blocks(self, table: str) -> list[int]:
        """How large the table and its partitions are; none where blocks cannot be told apart, since
        it is a view or some columns alone may be read, and where only a few rows are wanted."""
        if not self.whole:
            return []
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute(BLOCKS, {"table": table})
            [blocks] = cursor.fetchone() or [[]]
            if None in blocks:
                raise Refused(f"a part of {table} was dropped while it was read")
            return blocks

    def _bound(self, name: str) -> str:
        return self.reader.bound(statement(name), self.parameters)
