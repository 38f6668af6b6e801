"""Reads rows of link_click_analytics as they are stored, every column in its own type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.database.connection import bound
from pipeline.database.transport import read_by_copy
from pipeline.settings import Sizes
from schema.columns import STORED
from schema.sql import over_plain_rows, statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

# how a column travels: spans as microseconds, lists as JSON
ON_THE_WAY = {pl.Duration: pl.Int64(), pl.List: pl.String()}
SPANS = [name for name, dtype in STORED.items() if isinstance(dtype, pl.Duration)]
LISTS = [name for name, dtype in STORED.items() if isinstance(dtype, pl.List)]


@dataclass(frozen=True)
class Filters:
    """Which rows: those that pass every filter that is not None."""

    application_ids: Sequence[str] | None = None
    min_engagement: int | None = None
    min_intent: int | None = None
    since: datetime | None = None  # by updated_at, UTC


def stored_pages(
    connection: Connection, filters: Filters, height: int = Sizes.rows
) -> Iterator[pl.DataFrame]:
    """The rows as `schema.columns.STORED`, by application_id, a page at a time; one page at least.

    Lists are still JSON: `with_lists`. Rows without an application are left out, and rows with
    values that no run writes (schema/sql/plain_rows.sql).
    """
    travelling = pl.Schema(
        {name: ON_THE_WAY.get(dtype.base_type(), dtype) for name, dtype in STORED.items()}
    )
    parameters = _parameters(filters) | {"row_limit": height}
    while True:
        text = bound(connection, over_plain_rows("stored_rows"), parameters)
        page = read_by_copy(connection, text, travelling)
        if page.height or parameters["after"] is None:
            yield page.with_columns(pl.col(name).cast(STORED[name]) for name in SPANS)
        if page.height < height:
            return
        parameters["after"] = page["application_id"][-1]


def count_stored(connection: Connection, filters: Filters) -> int:
    """How many rows of applications pass the filters, whatever values they hold."""
    [(count,)] = _asked(connection, "count(*)", filters)
    return int(count)


def stored_ids(connection: Connection, filters: Filters) -> set[str]:
    """The applications whose rows pass the filters, whatever values they hold."""
    return {application_id for (application_id,) in _asked(connection, "application_id", filters)}


def _asked(connection: Connection, what: str, filters: Filters) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # no other column is asked for: the server could not compute them from foreign values
        query = f"SELECT {what} FROM ({statement('stored_rows')}) AS stored"  # noqa: S608
        cursor.execute(query, _parameters(filters))
        return cursor.fetchall()


def _parameters(filters: Filters) -> dict[str, object]:
    ids = filters.application_ids
    return asdict(filters) | {
        "application_ids": None if ids is None else list(ids),
        "after": None,
        "row_limit": None,
    }


def with_lists(page: pl.DataFrame) -> pl.DataFrame:
    """The page with its lists as lists."""
    return page.with_columns(pl.col(name).str.json_decode(STORED[name]) for name in LISTS)
