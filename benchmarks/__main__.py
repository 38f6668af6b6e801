"""Measures clickstats against what a user would pick instead; see RESULTS.md for what and how.

    python -m benchmarks                              the sizes 1e5, 1e6 and 1e7
    python -m benchmarks --clicks 1e8 --rounds 1      a size of its own; results are merged
    python -m benchmarks --situation "first load" --peer duckdb

Nothing that takes memory is imported here: see benchmarks/peer.py.
"""

import argparse
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    clickstats_peer,
    duckdb_peer,
    floor,
    loop_peer,
    pandas_peer,
    report,
    sql_peer,
    startup,
)
from benchmarks.datasets import SITUATIONS, WIDE, Databases, Situation, databases, execute, session
from benchmarks.measure import Failure, Figures, measure
from benchmarks.peer import ROOT, Peer
from benchmarks.results import BASELINE, Results, Round, load
from pipeline.demo.embedded import Server, server

MODULES = (clickstats_peer, sql_peer, duckdb_peer, pandas_peer, loop_peer, floor, startup)
PEERS = tuple(peer for module in MODULES for peer in module.PEERS)
HERE = ROOT / "benchmarks"
SIZES, MOST_CLICKS = (100_000, 1_000_000, 10_000_000), 100_000_000
REHEARSAL = 10_000  # clicks
PACKAGES = ("polars", "connectorx", "psycopg2-binary", "pandas", "duckdb")
SHIPPED = (
    *("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "shared_buffers"),
    *("work_mem", "max_wal_size", "max_parallel_workers_per_gather", "autovacuum"),
)
CONNECTION_SETTINGS = {"port", "listen_addresses", "unix_socket_directories", "data_directory"}


def rounds(
    made: Databases,
    situation: Situation,
    peers: Sequence[Peer],
    failures: dict[tuple[str, str], str],
    options: argparse.Namespace,
) -> Iterator[Round]:
    """Measure the peers in turn, round after round; one that fails is not tried again."""
    application = made.named_application()
    taking_part = [
        peer for peer in peers if not peer.situations or situation.name in peer.situations
    ]
    once, each = (made.copy, nullcontext) if situation.one_application else (nullcontext, made.copy)
    for number in range(1, options.rounds * situation.times + 1):
        figures: dict[str, Figures | str] = {}
        with once():
            for peer in taking_part:
                key = situation.name, peer.name
                if key not in failures:
                    try:
                        with each():
                            found = measure(peer, made, situation, application, options.timeout)
                    except Failure as failure:
                        failures[key] = str(failure)
                figures[peer.name] = failures.get(key) or found
                shown = failures.get(key) or f"{found.wall:.2f} s"
                print(
                    f"{made.clicks:>11,}  {situation.name:18}  {number}  {peer.name:27}  {shown}",
                    flush=True,
                )
        yield Round(options.invocation, figures)


def rehearse(peers: Sequence[Peer], options: argparse.Namespace) -> dict[tuple[str, str], str]:
    """Run each peer once in each situation over little data; returns those that fail, and why.

    Whoever leaves a wrong row here is not timed at all.
    """
    print("rehearsal")
    failures: dict[tuple[str, str], str] = {}
    once = argparse.Namespace(**{**vars(options), "rounds": 1})
    with (
        server(durable=True) as postgresql,
        databases(postgresql, REHEARSAL, wide=options.wide) as made,
    ):
        for situation in SITUATIONS:
            made.prepare(situation)
            if situation.name in options.situation:
                next(rounds(made, situation, peers, failures, once))
    return failures


def benchmark(
    clicks: int, peers: Sequence[Peer], results: Results, options: argparse.Namespace
) -> None:
    """Measure one size in the situations asked for, and keep the results of each."""
    failures = dict(options.failures)
    with (
        server(durable=True) as postgresql,
        databases(postgresql, clicks, wide=options.wide) as made,
    ):
        results.environments[options.invocation] = environment(postgresql)
        for situation in SITUATIONS:
            made.prepare(situation)
            if situation.name in options.situation:
                found = list(rounds(made, situation, peers, failures, options))
                results.add(clicks, situation.name + WIDE * options.wide, found)
                results.save(HERE / "results.json")


def environment(postgresql: Server) -> dict[str, str]:
    """The machine, the versions and the settings."""
    with session(postgresql.url()) as admin:
        names = ", ".join(f"'{name}'" for name in SHIPPED)
        settings = execute(
            admin, f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names})"
        )
        changed = {
            str(name)
            for (name,) in execute(
                admin, "SELECT name FROM pg_settings WHERE source = 'command line'"
            )
        }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    if _git("status", "--porcelain", "--", "cli", "pipeline", "schema"):
        commit += " with changes"
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "clickstats": f"{importlib.metadata.version('clickstats')}, commit {commit}",
        "machine": f"{os.cpu_count()} cores for client and server, {memory:.0f} GiB, {_cpu()}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "PostgreSQL": postgresql.version,
        **versions,
        "PostgreSQL's settings": ", ".join(f"{name} = {value}" for name, value in settings),
        "settings other than shipped": ", ".join(sorted(changed - CONNECTION_SETTINGS)) or "none",
    }


def _git(*arguments: str) -> str:
    """What git says, if there is one."""
    try:
        return subprocess.check_output(
            ["git", *arguments], cwd=ROOT, stderr=subprocess.DEVNULL, text=True
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    """The processor's name."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _clicks(text: str) -> int:
    clicks = int(float(text))
    if not REHEARSAL <= clicks <= MOST_CLICKS:
        raise argparse.ArgumentTypeError(f"expected {REHEARSAL:,} to {MOST_CLICKS:,} clicks")
    return clicks


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--clicks",
        type=_clicks,
        action="append",
        metavar="N",
        help="may be repeated; at most 1e8 [1e5, 1e6 and 1e7]",
    )
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 100), metavar="N")
    parser.add_argument("--situation", action="append", choices=[one.name for one in SITUATIONS])
    parser.add_argument(
        "--peer",
        action="append",
        choices=[peer.name for peer in PEERS],
        help="clickstats is always measured, for the ratios",
    )
    parser.add_argument(
        "--wide", action="store_true", help="clicks with user agents and addresses, all classes"
    )
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one client [1800]")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing; write the report and the plot anew"
    )
    return parser.parse_args()


def main() -> None:
    """Rehearse, measure, report."""
    chosen = options()
    chosen.situation = chosen.situation or [situation.name for situation in SITUATIONS]
    chosen.invocation = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    wanted = {BASELINE, *(chosen.peer or (peer.name for peer in PEERS))}
    peers = [peer for peer in PEERS if peer.name in wanted]
    results = load(HERE / "results.json")
    if not chosen.report:
        chosen.failures = rehearse(peers, chosen)
        for clicks in sorted(set(chosen.clicks or SIZES)):
            benchmark(clicks, peers, results, chosen)
    report.write(results, PEERS, HERE / "RESULTS.md")

    from benchmarks.plot import draw  # only now: Matplotlib takes memory

    draw(results, PEERS, HERE / "results.svg")
    print(f"written: {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
