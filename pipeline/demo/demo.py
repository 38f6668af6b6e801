"""The whole of clickstats on made-up data in a private PostgreSQL that is gone afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.answers.overview import Overview, overview
from pipeline.database.connection import session
from pipeline.demo import sample
from pipeline.demo.embedded import server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.run_report import RunReport
from pipeline.settings import Settings

APPLICATIONS, CLICKS = 2_000, 6_000


@dataclass(frozen=True)
class Demo:
    """What the demo shows: two runs over the same data, and a report of what they stored."""

    postgresql: str
    run: RunReport
    second_run: RunReport
    report: Overview


def demo(timezone: str | None = None) -> Demo:
    """Start a server, load the sample, run twice, look at the result and stop the server."""
    with server() as postgresql:
        settings = Settings(postgresql.url(), timezone=timezone)
        with session(settings) as connection:
            sample.load(connection, APPLICATIONS, CLICKS)
        migrate(settings)
        first = run_all(settings)
        second = run_all(Settings(postgresql.url(), timezone=timezone))
        return Demo(postgresql.version, first, second, overview(settings, [], []))
