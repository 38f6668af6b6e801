"""Writes RESULTS.md: where it was measured, what was reached, and a table for each size and
situation."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets import CLICKS_PER_APPLICATION, SITUATIONS, SLICE, WIDE, Situation
from benchmarks.peer import Peer
from benchmarks.results import BASELINE, Results
from benchmarks.targets import CLICKS, TARGETS

MEGABYTE = 1e6
INTRODUCTION = f"""# Benchmarks

Written by `make bench` (`python -m benchmarks`); the raw figures are in `results.json`.

Made-up data, {CLICKS_PER_APPLICATION} clicks and 4 tracking links an application, in a private
PostgreSQL on the machine of the clients, over TCP. Every measurement starts from a fresh copy of
the same database (of one application: every round), each of its tables read once, right after a
CHECKPOINT. A client is a process of its own, measured from its start to its exit. The rows that
each peer leaves are compared with what PostgreSQL alone computes, every row and every column, once
over little data before anything is timed and again after every measurement; a peer that fails or
leaves another row has no figures. The peers take turns; figures are medians over the rounds, and
ratios are taken within each round.

- **time**: wall clock; **× clickstats**: how many times as long as clickstats in the same round
- **CPU**: of the client's process; the server's is not in it
- **memory**: of the client's process at its peak; below 40 MB that of the process that starts it
- **log**: write-ahead log of the whole server; since a CHECKPOINT came just before, it includes the
  whole page for each page's first change
- **temporary**: files that the server wrote because something did not fit into work_mem
- **rows**: of `link_click_analytics` that were inserted or updated

The loop runs over {SLICE:,} applications; its figures are scaled to all, which overstates its log,
since pages are logged whole only once. Of the floor only the two COPYs count.

At 100,000,000 clicks there is no room for copies: two peers take turns over one
database (`benchmarks/largest.py`), larger than the machine's memory.
"""


def write(results: Results, peers: Iterable[Peer], path: Path) -> None:
    """Write the whole file anew."""
    peers = list(peers)
    parts = [
        INTRODUCTION,
        *_environment(results),
        *_targets(results),
        "## Time against clicks\n\n![Time against the number of clicks](results.svg)\n",
        *(part for clicks in reversed(results.sizes()) for part in _size(results, peers, clicks)),
        "## The peers\n",
        "\n".join(f"- **{peer.name}**: {peer.about}" for peer in peers) + "\n",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    rule = ["---", *("---:" for _ in header[1:])]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _environment(results: Results) -> Iterator[str]:
    if results.environments:
        latest = max(results.environments)
        yield f"## Where\n\nThe latest invocation, of {latest}:\n"
        yield _table(
            ["", ""], [[name, text] for name, text in results.environments[latest].items()]
        )


def _targets(results: Results) -> Iterator[str]:
    sizes = [clicks for clicks in results.sizes() if clicks <= CLICKS]
    if not sizes:
        return
    clicks = sizes[-1]
    yield f"## Targets\n\nMeant at {CLICKS:,} clicks; the figures are those at {clicks:,}.\n"
    rows = []
    for target in TARGETS:
        found = target.measured(results, clicks)
        limit = target.shown.format(target.limit(clicks))
        rows.append(
            [
                target.what,
                f"{'at least' if target.at_least else 'at most'} {limit}",
                "not measured" if found is None else target.shown.format(found),
                "" if found is None else "met" if target.met(found, clicks) else "**missed**",
            ]
        )
    yield _table(["what", "wanted", "measured", ""], rows)


def _size(results: Results, peers: list[Peer], clicks: int) -> Iterator[str]:
    yield f"## {clicks:,} clicks, {clicks // CLICKS_PER_APPLICATION:,} applications\n"
    for situation in (*SITUATIONS, *map(widened, SITUATIONS)):
        if measured := results.peers(clicks, situation.name):
            yield f"### {situation.name.capitalize()}\n\nBefore: {situation.about}.\n"
            yield _table(
                ["", "time", "× clickstats", "CPU", "memory", "log", "temporary", "rows"],
                (
                    _row(results, clicks, situation.name, peer)
                    for peer in peers
                    if peer.name in measured
                ),
            )
            yield f"Measured {_origin(results, clicks, situation.name)}\n"


def widened(situation: Situation) -> Situation:
    """The same over clicks with user agents and addresses."""
    about = f"{situation.about}; clicks have user agents and addresses, and all classes"
    return replace(situation, name=situation.name + WIDE, about=about)


def _row(results: Results, clicks: int, situation: str, peer: Peer) -> list[str]:
    if why := results.failure(clicks, situation, peer.name):
        return [peer.name, "**failed**", why.replace("|", "\\|"), *[""] * 5]
    wall, cpu, memory, wal, temporary, rows = (
        results.figure(clicks, situation, peer.name, of) or 0.0
        for of in (
            lambda one: one.wall,
            lambda one: one.cpu,
            lambda one: one.memory,
            lambda one: one.wal,
            lambda one: one.temporary,
            lambda one: one.rows,
        )
    )
    ratio = results.ratio(clicks, situation, peer.name, BASELINE)
    return [
        peer.name,
        f"{wall:.2f} s",
        "" if ratio is None else f"{ratio:.2f}",
        f"{cpu:.2f} s",
        f"{memory / MEGABYTE:,.0f} MB",
        f"{wal / MEGABYTE:,.2f} MB",
        f"{temporary / MEGABYTE:,.0f} MB",
        f"{rows:,.0f}",
    ]


def _origin(results: Results, clicks: int, situation: str) -> str:
    """The invocations: when, how many rounds, and which state of the code."""
    rounds = results.rounds[clicks, situation]
    origins = {
        f"{one.invocation}, {sum(other.invocation == one.invocation for other in rounds)} × each:"
        f" {results.environments[one.invocation]['clickstats']}": None
        for one in rounds
    }
    return "; ".join(origins)
