"""Whether the server and Polars, each with its own time zone data, agree about a zone.

Governments change their rules, and the two are updated separately: a run takes hours and days by
Polars' data, `verify` and whoever asks in SQL by the server's. Local times of the source become UTC
by the server's alone: that Polars disagrees is the only sign that they are old.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl
import psycopg2

from pipeline.plurals import counted
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection
    from pipeline.definition import Time


def zone_warnings(connection: Connection, zones: Time, instants: pl.Series) -> Iterator[str]:
    """What the two disagree about in the time of these instants (UTC), and what may be wrong
    then."""
    of_source = dict.fromkeys((zones.clicks, zones.applications), "times of the source in UTC")
    for timezone, what in (of_source | {zones.reporting: "hours and days of the week"}).items():
        yield from _warnings(connection, timezone, what, instants)


def _warnings(
    connection: Connection, timezone: str, what: str, instants: pl.Series
) -> Iterator[str]:
    """The same of one zone, which costs a look at each day; nothing for UTC."""
    if timezone == "UTC" or instants.count() == 0:
        return
    with connection.cursor() as cursor:
        between = {"first": instants.min(), "last": instants.max(), "timezone": timezone}
        cursor.execute("SAVEPOINT zone")
        try:
            cursor.execute(statement("zone_offsets"), between)
        except psycopg2.errors.InvalidParameterValue:
            cursor.execute("ROLLBACK TO zone")
            yield f"the server does not know the time zone {timezone}; update its time zone data"
            return
        server = pl.DataFrame(cursor.fetchall(), ["instant", "seconds"], orient="row")
    utc = pl.col("instant").dt.replace_time_zone("UTC")
    local = utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    differs = (local - pl.col("instant")).dt.total_seconds() != pl.col("seconds")
    days = server.filter(differs)["instant"]
    if not days.is_empty():
        yield (
            f"the time zone data of the server and of Polars disagree about {timezone} on "
            f"{counted(days.len(), 'day', 'days')} from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}: "
            f"{what} may be wrong; update whichever is older"
        )
