"""What it costs to be fresh: `run --changed`, `follow` and `serve`, in turn over one database.

    python -m benchmarks.fresh --applications 1e6 --clicks 1e7 --measure changed follow serve

Everything runs on this machine, over loopback, and ends by itself: a PostgreSQL of its own with
made-up data, computed and with capture on, the command that is measured, and its clients. Prints
JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks import changed_load, follow_load, serve_load
from benchmarks.datasets import execute, session
from pipeline.capture import turn_on
from pipeline.database import connection
from pipeline.demo import sample
from pipeline.demo.embedded import Server, server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.settings import Settings

MEASURES: dict[str, Callable[[Server, list[str], argparse.Namespace], dict[str, object]]] = {
    "changed": changed_load.figures,
    "follow": follow_load.figures,
    "serve": serve_load.figures,
}
MOST_REQUESTS, MOST_SECONDS, MOST_CLIENTS, MOST_CLICKS = 10_000_000, 3_600, 64, 1_000
IDS = 20_000  # different applications that are asked for, or clicked
SOME = f"SELECT id::text FROM job_applications ORDER BY md5(id::text) LIMIT {IDS}"


def main() -> None:
    """Measure, and print what was measured as JSON."""
    asked = options()
    with filled(int(asked.applications), int(asked.clicks)) as database:
        with session(database.url()) as reader:
            ids = [one for (one,) in execute(reader, SOME)]
        for name in asked.measure:
            print(json.dumps({name: MEASURES[name](database, ids, asked)}, indent=2), flush=True)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--applications", type=float, default=1e5)
    parser.add_argument("--clicks", type=float, default=1e6)
    parser.add_argument("--measure", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--rounds", type=int, default=5, help="of changed")
    parser.add_argument("--rate", type=int, default=100, help="clicks a second, of follow")
    parser.add_argument("--clients", type=int, default=16, help="of serve, who ask all the time")
    parser.add_argument("--seconds", type=int, default=60, help="of follow and serve")
    parser.add_argument("--requests", type=int, default=MOST_REQUESTS, help="of serve, at most")
    parser.add_argument(
        "--kill", action="store_true", help="the database in the middle, while serve is measured"
    )
    asked = parser.parse_args()
    limits = {
        "clients": MOST_CLIENTS,
        "seconds": MOST_SECONDS,
        "requests": MOST_REQUESTS,
        "rate": MOST_CLICKS,
    }
    for name, most in limits.items():
        if getattr(asked, name) > most:
            sys.exit(f"--{name}: at most {most:,}")
    return asked


@contextmanager
def filled(applications: int, clicks: int) -> Iterator[Server]:
    """A server with made-up data of this size, computed, with capture on."""
    with server(durable=True) as database:
        settings = Settings(database.url())
        with connection.session(settings) as loader:
            sample.load(loader, applications, clicks)
        migrate(settings)
        turn_on(settings)
        run_all(settings)
        with session(database.url()) as admin:
            execute(admin, "VACUUM ANALYZE")
        yield database


if __name__ == "__main__":
    main()
