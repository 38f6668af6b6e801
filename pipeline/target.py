"""What is stored of applications in link_click_analytics, at one snapshot, in the form in which a
run compares it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from pipeline.database.connection import leaving_no_lock
from pipeline.database.transport import SnapshotReader
from pipeline.errors import Refused, SchemaError
from pipeline.source_shape import duplicate_row_problems
from schema.columns import ANALYTICS, IMAGE, READINGS
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

COUNTS = """
SELECT (SELECT count(*) FROM link_click_analytics WHERE application_id IS NULL),
    NOT EXISTS (SELECT FROM link_click_analytics)
"""
# through the indexes: a look at a few applications scans nothing; whoever has a click has a score
NO_READINGS = """
SELECT CASE
    WHEN (SELECT application_id FROM link_click_readings ORDER BY application_id LIMIT 1) IS NULL
        THEN NOT EXISTS (SELECT FROM link_click_analytics)
            OR EXISTS (SELECT FROM link_click_analytics WHERE engagement_score > 0)
    ELSE false
END
"""
READINGS_STORED = "SELECT count(*) FROM link_click_readings"
LOST_READINGS = """
SELECT count(*) FROM link_click_readings AS stored
WHERE
    NOT EXISTS (SELECT FROM job_applications AS a WHERE a.id = stored.application_id)
    AND NOT EXISTS (
        SELECT FROM link_click_analytics AS a WHERE a.application_id = stored.application_id
    )
"""
AHEAD = """
SELECT min(calculated_at)::text FROM link_click_analytics
WHERE calculated_at > %(instant)s::timestamp
"""
# what other programs have stamped so, who may write local times, no run has published
IN_FUTURE = """
SELECT max(calculated_at)
FROM link_click_analytics
JOIN clickstats_runs ON clickstats_runs.snapshot_at = link_click_analytics.calculated_at
WHERE clickstats_runs.outcome = 'published' AND calculated_at > clock_timestamp()::timestamp
"""
TABLES = {
    "link_click_analytics": list(ANALYTICS),
    "link_click_readings": ["application_id", *READINGS],
}
INTEGER = "integer"
WHOLE = """CASE
    WHEN {0} BETWEEN 0 AND 2147483647 AND {0} = {0}::integer THEN {0}::integer
    WHEN {0} IS NOT NULL THEN -1
END AS {0}"""


def refuse_rows_of_the_future(writer: Connection) -> None:
    """Raise `Refused` when a run has stored a row that is later than now, where the snapshot has
    none: the clock was set forward, that run wrote, and it was set back. What it wrote is newer,
    and would look as if no run had written it."""
    with leaving_no_lock(writer) as cursor:
        cursor.execute(IN_FUTURE)
        (latest,) = cursor.fetchone()  # type: ignore[misc]
    if latest:
        raise Refused(
            f"the server's clock was set back during the run, since a row was computed at {latest} "
            "UTC meanwhile, which is later than now; nothing was written; run again"
        )


@dataclass
class Target:
    """The stored rows of all applications, or of the named ones."""

    reader: SnapshotReader
    types: Mapping[tuple[str, str], str]  # of columns that should be integers, among others
    application_ids: Sequence[str] = ()
    known_empty: bool | None = None  # None: the server is asked
    # of what reads the rows; none: the session's
    lock_timeout: str = ""

    @cached_property
    def _counts(self) -> tuple[int, bool]:
        without_application, is_empty = self.reader.row_without_lock(COUNTS)
        return without_application, is_empty

    @property
    def rows_without_application(self) -> int:
        """How many stored rows another program wrote without an application."""
        return self._counts[0]

    @property
    def is_empty(self) -> bool:
        """Whether no row is stored."""
        return self._counts[1] if self.known_empty is None else self.known_empty

    @cached_property
    def has_no_readings(self) -> bool:
        """Whether no readings are stored of any application, although there may be some: not where
        rows are stored, and none of them has a click."""
        (has_none,) = self.reader.row_without_lock(NO_READINGS)
        return bool(has_none)

    @cached_property
    def readings(self) -> int:
        """How many readings are stored of all applications."""
        if self.has_no_readings:  # known already, and a first load keeps everybody from the table
            return 0
        (count,) = self.reader.row_without_lock(READINGS_STORED)
        return int(count)

    @cached_property
    def lost_readings(self) -> int:
        """How many of them have neither a row of link_click_analytics nor an application."""
        (count,) = self.reader.row_without_lock(LOST_READINGS)
        return int(count)

    def ahead(self) -> str | None:
        """The first instant after the snapshot that a stored row has, which comes of a clock that
        was set back since: once it is reached, the row looks newer than it is."""
        instant = {"instant": self.reader.snapshot.taken_at}
        (first,) = self.reader.row_without_lock(self.reader.bound(AHEAD, instant))
        return first and str(first)

    @property
    def _front(self) -> str:
        """What stands in the statement for tables in which columns are no longer integers: an
        integer would hide the fraction of what another program has stored there. -1 stands for
        every number that no run writes."""
        stand_ins = []
        for table, names in TABLES.items():
            others = {name for name in names if self.types.get((table, name), INTEGER) != INTEGER}
            if others:
                columns = (WHOLE.format(name) if name in others else name for name in names)
                select = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 (our names)
                stand_ins.append(f"{table} AS NOT MATERIALIZED ({select})")
        return f"WITH {', '.join(stand_ins)}\n" if stand_ins else ""

    def rows(self, ranges: Sequence[tuple[str, str]]) -> Generator[pl.DataFrame]:
        """The rows as `schema.columns.IMAGE`: a frame for each range of application ids."""
        if not self.application_ids and self.is_empty:
            yield from [IMAGE.to_frame()] * len(ranges)
            return
        named = {"application_ids": "{" + ",".join(self.application_ids) + "}"}
        texts = [
            self._front
            + self.reader.bound(statement("stored"), named | {"first_id": first, "last_id": last})
            for first, last in ranges
        ]
        with closing(self.reader.frames(texts, IMAGE, lock_timeout=self.lock_timeout)) as frames:
            for frame in frames:
                if frame["application_id"].n_unique() < frame.height:
                    connection = self.reader.snapshot.connection
                    found = (duplicate_row_problems(connection, table) for table in TABLES)
                    raise SchemaError("; ".join(chain.from_iterable(found)))
                yield frame
