"""1e8 clicks: too large for a copy for each peer, so they take turns over one database, in the two
situations whose beginning is easily made again. The results join the others.

    python -m benchmarks.largest [CLICKS]         an hour and a half; 40 GB of disk at 1e8

Filled without durability, as nothing is measured then; measured with it.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg2

from benchmarks import clickstats_peer, sql_peer
from benchmarks.__main__ import HERE, environment
from benchmarks.datasets import (
    CLICKS_PER_APPLICATION,
    COPY,
    SITUATIONS,
    START,
    Databases,
    Situation,
    execute,
    session,
)
from benchmarks.measure import measure
from benchmarks.peer import OWNER, ROOT
from benchmarks.results import Results, Round, load
from pipeline.demo.embedded import Server, server

if TYPE_CHECKING:
    from benchmarks.measure import Figures

PEERS = (sql_peer.PEERS[0], clickstats_peer.PEERS[0])
TIMEOUT = 7200.0  # seconds for one client
PART = 10_000_000  # clicks
TABLES = """
CREATE TABLE jobs (id uuid);
CREATE TABLE job_applications (
    id uuid, job_id uuid, created_at timestamp, application_status varchar(50)
);
CREATE TABLE link_tracking (
    tracking_id varchar(100), application_id uuid, link_function varchar(50) NOT NULL
);
CREATE TABLE link_clicks (click_id bigserial, tracking_id varchar(100), clicked_at timestamp)
"""
KEYS = (
    "ALTER TABLE jobs ADD PRIMARY KEY (id)",
    "ALTER TABLE job_applications ADD PRIMARY KEY (id)",
    "ALTER TABLE link_tracking ADD PRIMARY KEY (tracking_id)",
    "ALTER TABLE link_clicks ADD PRIMARY KEY (click_id)",
    "CREATE INDEX ON link_tracking (application_id)",
    "CREATE INDEX ON link_clicks (tracking_id)",
    "CREATE INDEX ON link_clicks (clicked_at)",
)
HURRY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "16GB",
    "maintenance_work_mem": "1GB",
}
EMPTY = """
TRUNCATE link_click_analytics, link_click_readings, clickstats_runs, link_click_score_changes
"""


def filled(postgresql: Server, clicks: int) -> Databases:
    """The one database: source tables, clickstats' own, empty, and the rows to expect."""
    made = Databases(postgresql, clicks, password=secrets.token_urlsafe())
    with session(postgresql.url()) as admin:
        execute(admin, f"CREATE ROLE {OWNER} LOGIN PASSWORD '{made.password}'")
        execute(admin, f"CREATE DATABASE {COPY} OWNER {OWNER}")
        for name, value in HURRY.items():
            execute(admin, f"ALTER SYSTEM SET {name} = '{value}'")
        execute(admin, "SELECT pg_reload_conf()")
    url = made.url(COPY, OWNER)
    # in a process of its own: see benchmarks/peer.py about memory
    subprocess.run(
        [sys.executable, "-m", "benchmarks.largest", "fill", url, str(clicks)], cwd=ROOT, check=True
    )
    with session(postgresql.url(COPY)) as admin:
        execute(admin, "VACUUM ANALYZE")
        execute(admin, "ALTER SYSTEM RESET ALL")
        execute(admin, "SELECT pg_reload_conf()")
        execute(admin, "CHECKPOINT")
    return made


def fill(url: str, clicks: int) -> None:
    """Load the source tables in parts, each from a seed of its own; keys and indexes come last."""
    from pipeline.demo import sample
    from pipeline.migrate import migrate
    from pipeline.settings import Settings

    with session(url) as owner:
        execute(owner, TABLES)
        for seed in range(clicks // PART):
            made = sample.tables(PART // CLICKS_PER_APPLICATION, PART, seed)
            made["link_clicks"] = made["link_clicks"].drop("user_agent", "ip_address")
            with closing(psycopg2.connect(url)) as loader, loader, loader.cursor() as cursor:
                sample.put_in(cursor, made)
            print(f"{seed + 1:4} parts of {clicks // PART} are there", flush=True)
        for statement in KEYS:
            execute(owner, statement)
        migrate(Settings(url))
        execute(owner, "ANALYZE")
        execute(owner, START)


def in_turn(made: Databases, situation: Situation, invocation: str) -> Round:
    """Each peer once; what it leaves is compared with the expected rows."""
    figures: dict[str, Figures | str] = {}
    for peer in PEERS:
        with session(made.url(COPY, OWNER)) as owner:
            if situation.name == "first load":
                execute(owner, EMPTY)
        figures[peer.name] = found = measure(peer, made, situation, "", TIMEOUT)
        print(f"{made.clicks:,}  {situation.name:18}  {peer.name:12}  {found}", flush=True)
    return Round(invocation, figures)


def measure_all(made: Databases, results: Results) -> None:
    """The first load, whose last peer leaves all of clickstats' tables right; then once more."""
    invocation = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    results.environments[invocation] = environment(made.server)
    for situation in SITUATIONS[:2]:
        results.add(made.clicks, situation.name, [in_turn(made, situation, invocation)])
        results.save(HERE / "results.json")
        with session(made.server.url(COPY)) as admin:
            execute(admin, "VACUUM ANALYZE link_click_analytics, link_click_readings")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill(sys.argv[2], int(sys.argv[3]))
    else:
        [clicks] = sys.argv[1:] or ["1e8"]
        with server(durable=True) as postgresql:
            measure_all(filled(postgresql, int(float(clicks))), load(HERE / "results.json"))
