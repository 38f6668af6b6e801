"""The data that is measured: made-up source tables of a size, taken from situation to situation in
a database of their own, and a fresh copy of that database for every single measurement.

A copy is made file by file, so that each peer finds the same tables, indexes and statistics, byte
by byte. Then each table is read once, so that everybody starts with warm files.

    python -m benchmarks.datasets CLICKS [--wide]    fills the database in CLICKSTATS_DATABASE_URL
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg2

from benchmarks.peer import CLICKSTATS, OWNER, ROOT, WRITER
from benchmarks.target import COLUMNS, of, reference

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from pipeline.demo.embedded import Server

CLICKS_PER_APPLICATION = 10
SLICE, STRETCH = 2_000, 100  # applications
BYTES_PER_CLICK = 1_000  # of disk, at most: the database, its copy, their log and temporary files
PREPARED, COPY = "prepared", "measured"

EXPECT = f"INSERT INTO benchmark.expected SELECT {COLUMNS} FROM ({reference()}) AS reference"
SLIM = "ALTER TABLE link_clicks DROP COLUMN user_agent, DROP COLUMN ip_address"
# Stretches of neighbouring applications, evenly spread: they have as many clicks as others, and
# come in the order in which a loop over all applications would take them.
START = f"""
SET work_mem = '512MB';
CREATE SCHEMA benchmark;
CREATE TABLE benchmark.expected AS SELECT {COLUMNS} FROM link_click_analytics LIMIT 0;
CREATE TABLE benchmark.bare (LIKE benchmark.expected);
{EXPECT};
CREATE TABLE benchmark.slice AS
SELECT id AS application_id
FROM (SELECT id, row_number() OVER () - 1 AS number, count(*) OVER () AS all_of_them
      FROM job_applications) AS numbered
WHERE number / {STRETCH} % greatest(all_of_them / {SLICE}, 1) = 0;
CREATE TABLE benchmark.named AS
SELECT application_id FROM benchmark.expected
WHERE total_click_events >= {CLICKS_PER_APPLICATION} ORDER BY total_click_events, application_id
LIMIT 1
"""
FILL = f"INSERT INTO link_click_analytics ({COLUMNS}) SELECT {COLUMNS} FROM benchmark.expected"
CLICK_ONE_PERCENT = f"""
SET work_mem = '512MB';
INSERT INTO link_clicks (tracking_id, clicked_at)
SELECT min(tracking_id), '2025-06-01 12:00'
FROM link_tracking
JOIN (SELECT id, row_number() OVER () AS number FROM job_applications) AS application
    ON application.id = link_tracking.application_id
WHERE number % 100 = 0
GROUP BY application_id;
TRUNCATE benchmark.expected;
{EXPECT}
"""
SPOIL = "UPDATE link_click_analytics SET total_click_events = total_click_events + 1000"
WRONG = f"""
SELECT count(*), min(coalesce(expected.application_id, stored.application_id)::text)
FROM (SELECT * FROM benchmark.expected {{where}}) AS expected
FULL JOIN (SELECT * FROM link_click_analytics {{where}}) AS stored USING (application_id)
WHERE expected.application_id IS NULL OR stored.application_id IS NULL
    OR {of("stored", exactly=True)} IS DISTINCT FROM {of("expected", exactly=True)}
"""


@dataclass(frozen=True)
class Situation:
    """What is stored when a peer starts; prepared from the situation before it."""

    name: str
    about: str
    statements: tuple[str, ...] = ()
    settled: bool = False  # whether clickstats runs once, so that all its tables are right
    times: int = 1  # rounds for each round of others: what takes a fraction of a second is noisier
    one_application: bool = False  # hardly changes the data, so the peers of a round share a copy


WIDE = ", wide"  # behind the name of a situation
SITUATIONS = (
    Situation("first load", "the target is empty"),
    Situation("nothing changed", "the target holds the right rows", (FILL,), settled=True),
    Situation(
        "one application",
        "the target holds the right rows; then one application, on demand",
        times=3,
        one_application=True,
    ),
    Situation(
        "1 % changed",
        "1 % of the applications have one more click than when the target was filled",
        (CLICK_ONE_PERCENT,),
    ),
    Situation(
        "everything changed",
        "no stored row is right: each counts 1,000 clicks too many",
        (SPOIL, "VACUUM FULL link_click_analytics"),
    ),
)


@dataclass(frozen=True)
class Databases:
    """The databases of one server: one prepared for a situation, and copies of it."""

    server: Server
    clicks: int
    wide: bool = False  # whether clicks have a user agent and an address
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)

    def url(self, database: str, login: str) -> str:
        """Over TCP with a password, as from another machine."""
        return self.server.url(database, user=login, password=self.password)

    def prepare(self, situation: Situation) -> None:
        """Bring the prepared database from the situation before it to this one."""
        with session(self.url(PREPARED, OWNER)) as owner:
            for statement in situation.statements:
                execute(owner, statement)
        if situation.settled:
            subprocess.run(
                [CLICKSTATS, "run", "--all", "--quiet"],
                cwd=ROOT,
                env={**os.environ, "CLICKSTATS_DATABASE_URL": self.url(PREPARED, OWNER)},
                check=True,
            )
        with session(self.server.url(PREPARED)) as admin:
            execute(admin, "VACUUM ANALYZE")

    @contextmanager
    def copy(self) -> Iterator[None]:
        """A fresh copy of the prepared database, dropped at the end whoever is still in it."""
        with session(self.server.url()) as admin:
            execute(admin, f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
            execute(
                admin,
                f"CREATE DATABASE {COPY} TEMPLATE {PREPARED} OWNER {OWNER} STRATEGY file_copy",
            )
            with session(self.server.url(COPY)) as reader:
                for (table,) in execute(
                    reader, "SELECT relid::regclass::text FROM pg_stat_user_tables"
                ):
                    execute(reader, f"SELECT count(*) FROM {table}")
            try:
                yield
            finally:
                execute(admin, f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")

    def named_application(self) -> str:
        """The application of the situation that has just one: one with a usual number of clicks."""
        with session(self.server.url(PREPARED)) as admin:
            [(application,)] = execute(admin, "SELECT application_id::text FROM benchmark.named")
            return str(application)

    def wrong_rows(self, scope: str | None) -> str:
        """Compare the copy's target with the expected rows, every column, for the applications in
        a table or for all; says what differs, or nothing."""
        where = f"WHERE application_id IN (SELECT application_id FROM {scope})" if scope else ""
        with session(self.server.url(COPY)) as reader:
            execute(reader, "SET work_mem = '512MB'")
            [(count, example)] = execute(reader, WRONG.format(where=where))
            return f"{count:,} wrong rows, for example of application {example}" if count else ""


@contextmanager
def databases(server: Server, clicks: int, *, wide: bool = False) -> Iterator[Databases]:
    """Fill a database with source tables of this size, and drop it at the end."""
    need = clicks * BYTES_PER_CLICK + 3 * 2**30
    free = shutil.disk_usage(server.base).free
    if free < need:
        sys.exit(
            f"{clicks:,} clicks need {need / 2**30:.0f} GiB of disk, {server.base} has"
            f" {free / 2**30:.0f}; set TMPDIR to a larger one"
        )
    made = Databases(server, clicks, wide)
    with session(server.url()) as admin:
        for login in (OWNER, WRITER):
            if not execute(admin, f"SELECT FROM pg_roles WHERE rolname = '{login}'"):
                execute(admin, f"CREATE ROLE {login} LOGIN")
            execute(admin, f"ALTER ROLE {login} PASSWORD '{made.password}'")
        execute(admin, f"CREATE DATABASE {PREPARED} OWNER {OWNER}")
        try:
            # In a process of its own: see benchmarks/peer.py about memory.
            subprocess.run(
                [sys.executable, "-m", "benchmarks.datasets", str(clicks), *["--wide"] * wide],
                cwd=ROOT,
                env={**os.environ, "CLICKSTATS_DATABASE_URL": made.url(PREPARED, OWNER)},
                check=True,
            )
            with session(made.url(PREPARED, OWNER)) as owner:
                start(owner)
            yield made
        finally:
            execute(admin, f"DROP DATABASE {PREPARED} WITH (FORCE)")


def fill(url: str, clicks: int, *, wide: bool) -> None:
    """Load the source tables and create clickstats' own."""
    from pipeline.demo import sample
    from pipeline.migrate import migrate
    from pipeline.settings import Settings

    with closing(psycopg2.connect(url)) as connection:
        sample.load(connection, clicks // CLICKS_PER_APPLICATION, clicks)
    with session(url) as owner:
        if not wide:
            execute(owner, SLIM)
            execute(owner, "VACUUM FULL link_clicks")
        migrate(Settings(url))


def start(owner: Connection) -> None:
    """Let the writer do what a peer does, and make what the benchmark compares with."""
    from schema import tables

    for table in tables.source.sorted_tables:
        execute(owner, f"GRANT SELECT ON {table} TO {WRITER}")
    for table in tables.ours.sorted_tables:
        execute(owner, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {WRITER}")
    execute(owner, f"REVOKE DELETE ON link_click_analytics FROM {WRITER}")
    execute(owner, START)


@contextmanager
def session(url: str) -> Iterator[Connection]:
    """A connection on which each statement is a transaction."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        yield connection


def execute(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


if __name__ == "__main__":
    url, number, options = os.environ["CLICKSTATS_DATABASE_URL"], *sys.argv[1:2], sys.argv[2:]
    fill(url, int(number), wide=options == ["--wide"])
