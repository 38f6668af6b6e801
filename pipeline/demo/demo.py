"""The whole of clickstats on made-up data in a private PostgreSQL that is gone afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipeline.answers.overview import TOP
from pipeline.database.connection import session
from pipeline.database.transport import read_by_copy
from pipeline.demo import sample
from pipeline.demo.embedded import server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.run_report import RunReport
from pipeline.settings import Settings
from schema.sql import statement

APPLICATIONS, CLICKS = 2_000, 6_000
DISTRIBUTION = pl.Schema({"band": pl.Int32(), "engagement": pl.Int64(), "intent": pl.Int64()})


@dataclass(frozen=True)
class Demo:
    """What the demo shows: the run, the ten top applications, and how many applications have a
    score in each band of ten points (band 90 holds 90 to 100)."""

    postgresql: str
    run: RunReport
    second_run: RunReport
    top: pl.DataFrame
    distribution: pl.DataFrame


def demo(timezone: str | None = None) -> Demo:
    """Start a server, load the sample, run twice, read the result and stop the server."""
    with server() as postgresql:
        settings = Settings(postgresql.url(), timezone=timezone)
        with session(settings) as connection:
            sample.load(connection, APPLICATIONS, CLICKS)
        migrate(settings)
        first = run_all(settings)
        second = run_all(Settings(postgresql.url(), timezone=timezone))
        with session(settings, snapshot=True) as connection:
            return Demo(
                postgresql=postgresql.version,
                run=first,
                second_run=second,
                top=read_by_copy(connection, statement("top"), TOP),
                distribution=read_by_copy(connection, statement("distribution"), DISTRIBUTION),
            )
