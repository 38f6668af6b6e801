"""From PostgreSQL to frames: whole tables, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar
from uuid import UUID

import polars as pl
from psycopg2 import sql

from pipeline.database.connection import Snapshot
from pipeline.database.transport import SnapshotReader
from pipeline.definition import Definition
from pipeline.errors import SchemaError
from pipeline.networks import in_both_forms
from pipeline.plurals import counted
from pipeline.run_report import Advance, no_advance
from pipeline.scoring.attribution import (
    attributed,
    in_link_order,
    in_order,
    numbered,
    unpacked,
    used,
)
from pipeline.scoring.user_agents import declared
from pipeline.settings import Settings, Sizes
from pipeline.source_columns import SourceColumns, source_columns
from pipeline.source_shape import (
    beyond_snapshot,
    duplicate_id_problems,
    text_problems,
)
from schema.columns import APPLICATIONS, CLICKS, INSTANT, LINKS, OPTIONAL, link_functions
from schema.sql import statement

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

log = logging.getLogger("clickstats")

Result = TypeVar("Result")
Engine = Literal["streaming", "in-memory"]


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
# docs/decisions/0062-engines.md
FOR_MANY: Engine = "streaming"
FOR_FEW: Engine = "in-memory"
SLICES = 256  # at most, of at least `Sizes.applications`
PORTION = 4  # slices, whose clicks are taken from all at once
FIRST_ID, LAST_ID = f"{UUID(int=0)}", f"{UUID(int=2**128 - 1)}"
BLOCKS = """
SELECT pg_relation_size(oid) / current_setting('block_size')::bigint
FROM pg_class
WHERE
    oid = %s::regclass
    AND CASE WHEN relkind = 'r' THEN has_column_privilege(oid, 'ctid', 'SELECT') END
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
        self.engine = FOR_MANY if self.whole else FOR_FEW
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
        self.check()
        applications = in_key_order(
            pl.concat(self._read("applications", APPLICATIONS, lambda part: part)),
            self.snapshot.connection,
        )
        links = self._links(applications)
        self.look_at_agents()
        applications = applications.drop("application_key_1", "application_key_2").with_row_index(
            "application"
        )
        clicks, read, unusable, in_future = self._clicks(links, advance)
        heights = (f"{number:,}" for number in (applications.height, links.height, read))
        log.debug("%s applications, %s links of theirs and %s clicks read", *heights)
        return Extracted(
            applications,
            links.drop("link_key") if self.whole else links,  # a fifth of the memory
            clicks,
            read,
            unusable,
            in_future,
            self.columns,
            self.sizes.applications,
        )

    def _clicks(self, links: pl.DataFrame, advance: Advance) -> tuple[pl.DataFrame, int, int, int]:
        """The clicks of these links, as `scoring.attribution.attributed` gives them; and how many
        were read, are unusable, and are later than the snapshot."""
        counts: list[tuple[int, int, int]] = []
        waiting: list[pl.DataFrame] = []
        joined: list[pl.DataFrame] = []

        def join() -> None:
            clicks = pl.concat(waiting).lazy()
            waiting.clear()
            joined.append(attributed(clicks, links.lazy()).collect(engine=self.engine))

        def take(packed: pl.DataFrame) -> None:
            clicks = unpacked(packed.lazy()).collect(engine=self.engine)
            in_future = (clicks["clicked_at"] > self.snapshot.taken_at).sum()
            counts.append((clicks.height, clicks["clicked_at"].null_count(), int(in_future)))
            waiting.append(clicks)
            # a join looks at every link, however few the clicks are
            if sum(part.height for part in waiting) > links.height // 4:
                join()

        self._read("clicks", CLICKS, take, advance)
        if waiting:
            join()
        read, unusable, in_future = map(sum, zip(*counts, strict=True))
        return pl.concat(joined), read, unusable, in_future

    def origins(self, links: pl.DataFrame) -> pl.DataFrame:
        """One row per used click of the named applications: `link`, `clicked_at` and `mark` as
        `scoring.attribution.attributed` has them, `user_agent` and `ip_address`. After `extract`,
        which has read the links."""
        text = self._bound("click_origins")
        front = self.columns.in_front(["link_clicks"], self.definition, optional=OPTIONAL)
        [origins] = self.reader.frames([front.as_string(self.snapshot.connection) + text], ORIGINS)
        keys = links.select("link", link_key_1=(pl.col("link_key") // 2**12).cast(pl.Int64))
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

    def _links(self, applications: pl.DataFrame) -> pl.DataFrame:
        links = pl.concat(
            self._read(
                "links", LINKS, lambda part: of_applications(part, applications, self.engine)
            )
        )
        without_function = links["link_function"].null_count()
        refuse_links(without_function, links.height - links["link_key"].n_unique())
        return spelled(links, self.definition)

    def check(self) -> None:
        """Let the server say what is missing by a code; through ConnectorX it says so in prose.
        Look for what it would not say."""
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
        """The statement, for each part of its table: in place of the table stands what it has in a
        range of blocks, the last of which has no end."""
        table, text = TABLES[name], self._bound(name)
        blocks, at_once = self._blocks(table.name), self.sizes.blocks // table.share
        pairs = ceil(blocks / at_once / 2)  # of equal parts: there are two connections
        size = max(ceil(blocks / max(pairs, 1) / 2), at_once // 8, 1)
        starts = range(size, blocks, size)
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

    def _blocks(self, table: str) -> int:
        """How large the table is; 0 where its blocks cannot be told apart, since it is a view or
        some columns alone may be read, and where only a few rows are wanted."""
        if not self.whole:
            return 0
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute(BLOCKS, (table,))
            found = cursor.fetchone()
            return int(found[0]) if found else 0

    def _bound(self, name: str) -> str:
        return self.reader.bound(statement(name), self.parameters)


def in_key_order(applications: pl.DataFrame, connection: Connection) -> pl.DataFrame:
    """The applications by their ids; raise `SchemaError` unless each id is there once."""
    # by two columns, since then Polars sorts them as bytes: twice as fast as one of strings
    applications = applications.sort("application_id", "application_key_1")
    ids = applications["application_id"]
    refuse_null_ids(ids.null_count())
    if (ids == ids.shift()).any():
        raise SchemaError("; ".join(duplicate_id_problems(connection)))
    return applications


def of_applications(
    links: pl.DataFrame, applications: pl.DataFrame, engine: Engine = FOR_MANY
) -> pl.DataFrame:
    """The links of these applications, as `scoring.attribution.numbered` gives them."""
    # millions of links need no text each
    small = links.lazy().with_columns(pl.col("link_function").cast(pl.Categorical))
    return numbered(small, applications.lazy()).collect(engine=engine)


def spelled(links: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """The links as `scoring.attribution.in_link_order` gives them, with the definition's spelling
    of their functions."""
    spelling = pl.col("link_function").cast(pl.String).replace(definition.spellings)
    names = links.select("link_function").unique().with_columns(name=spelling)
    functions = link_functions(names["name"])
    named = pl.col("link_function").replace_strict(*names, return_dtype=functions)
    # the type once more: Polars forgets it where there are no links
    return in_link_order(links.with_columns(named).cast({"link_function": functions}))


def refuse_null_ids(count: int) -> None:
    """Raise `SchemaError` when applications have no id."""
    if count:
        raise SchemaError(
            f"job_applications has {counted(count, 'row', 'rows')} whose id is null; expected an "
            "id in each row; mend the table or view"
        )


def refuse_links(without_function: int, duplicates: int) -> None:
    """Raise `SchemaError` when links of applications have no function, or the same key."""
    if without_function:
        raise SchemaError(
            f"link_tracking has {counted(without_function, 'link', 'links')} of applications whose "
            "link_function is null; expected a text in each row; mend the table or view"
        )
    if duplicates:
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
