"""From PostgreSQL to frames: every table whole, or only what belongs to the named applications.

Owns which statement fills which frame, and that all are read from one snapshot. No business logic.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.attribution import attributed, numbered
from pipeline.database import Snapshot, bound, cancel_queries, together
from pipeline.errors import SchemaError
from pipeline.reader import connectorx_url, read_by_connectorx, read_by_copy
from pipeline.settings import Settings
from schema.columns import APPLICATIONS, CLICKS, IMAGE, LINKS, link_functions
from schema.sql import statement

log = logging.getLogger("clickstats")

STATEMENTS = ("applications", "links", "clicks", "stored")
CLICKS_PER_JOIN = 2_000_000


@dataclass(frozen=True)
class Extracted:
    """What the source's tables held at one snapshot.

    `applications` as `schema.columns.APPLICATIONS`; `clicks` one row per click of an application,
    usable or not, as `pipeline.attribution.attributed` gives them, link_function as an Enum.
    """

    applications: pl.LazyFrame
    clicks: pl.LazyFrame
    clicks_read: int
    clicks_unusable: int
    clicks_in_future: int  # later than the snapshot


class Source:
    """What a run reads: all applications, or the named ones, at one snapshot."""

    def __init__(
        self, snapshot: Snapshot, settings: Settings, application_ids: Sequence[str] = ()
    ) -> None:
        self.snapshot = snapshot
        self.settings = settings
        # ConnectorX is for the bulk; where it can't go, and for a few rows, psycopg2 reads
        self.url = None if application_ids else connectorx_url(snapshot.connection, settings.schema)
        if application_ids:
            log.debug("reading by COPY: only named applications")
        self.parameters: dict[str, object] = {
            "application_ids": "{" + ",".join(application_ids) + "}",
            "seed_1": str(secrets.randbits(63)),
            "seed_2": str(secrets.randbits(63)),
        }

    def extract(self) -> Extracted:
        """The applications and their clicks, over two connections at once."""

        def applications_and_links() -> tuple[pl.DataFrame, pl.DataFrame]:
            applications = self._read("applications", APPLICATIONS)
            return applications, _numbered(self._read("links", LINKS), applications)

        if self.url:
            self._together(self._check)
        (applications, links), clicks = self._together(
            applications_and_links, lambda: self._read("clicks", CLICKS)
        )
        heights = (f"{each.height:,}" for each in (applications, links, clicks))
        log.debug("%s applications, %s links of theirs and %s clicks read", *heights)
        _check_unique(links)
        functions = link_functions(links["link_function"].unique().cast(pl.String))
        links = links.with_columns(pl.col("link_function").cast(functions))
        # in slices, since the join takes several times the memory of what it joins
        of_applications = [
            attributed(part.lazy(), links.lazy()).collect()
            for part in clicks.iter_slices(CLICKS_PER_JOIN)
        ]
        return Extracted(
            applications=applications.lazy(),
            clicks=pl.concat(
                of_applications or [attributed(clicks.lazy(), links.lazy()).collect()]
            ).lazy(),
            clicks_read=clicks.height,
            clicks_unusable=clicks["clicked_at"].null_count(),
            clicks_in_future=(clicks["clicked_at"] > self.snapshot.taken_at).sum(),
        )

    def stored(self) -> pl.DataFrame:
        """The stored rows of applications, as `schema.columns.IMAGE`."""
        stored: list[pl.DataFrame] = self._together(lambda: self._read("stored", IMAGE))
        return stored[0]

    def rows_without_application(self) -> int:
        """How many stored rows another program wrote without an application."""
        with self.snapshot.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM link_click_analytics WHERE application_id IS NULL")
            count: int = cursor.fetchone()[0]  # type: ignore[index]
            return count

    def _check(self) -> None:
        """Let the server say what is missing by a code; through ConnectorX it says so in prose."""
        with self.snapshot.connection.cursor() as cursor:
            for name in STATEMENTS:
                cursor.execute(f"EXPLAIN {self._statement(name)}")

    def _read(self, name: str, schema: pl.Schema) -> pl.DataFrame:
        text = self._statement(name)
        if self.url is None:
            return read_by_copy(self.snapshot.connection, text, schema)
        return read_by_connectorx(self.url, self.snapshot, self.settings, text, schema)

    def _statement(self, name: str) -> str:
        return bound(self.snapshot.connection, statement(name), self.parameters)

    def _together(self, *works: Callable[[], Any]) -> list[Any]:
        # COPY does not share a connection: without ConnectorX one after the other
        threads = len(works) if self.url else 1
        return together(works, lambda: cancel_queries(self.settings), threads)


def _numbered(links: pl.DataFrame, applications: pl.DataFrame) -> pl.DataFrame:
    """A third of the memory: millions of links need neither 16 bytes of key nor a text each."""
    return (
        numbered(links.lazy(), applications.lazy())
        .with_columns(pl.col("link_function").cast(pl.Categorical))
        .collect()
    )


def _check_unique(links: pl.DataFrame) -> None:
    # the first half of the key alone nearly always says so, and takes a tenth of the memory
    keys = links.select("link_key_1", "link_key_2")
    if keys["link_key_1"].n_unique() < links.height and keys.is_duplicated().any():
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
