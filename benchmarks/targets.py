"""What clickstats wants to reach, one row a target, and whether it does."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import sql_peer
from benchmarks.results import BASELINE, Results

CLICKS = 10_000_000
KILOBYTE = 1024
SQL = tuple(peer.name for peer in sql_peer.PEERS)
Measured = Callable[[Results, int], float | None]


@dataclass(frozen=True)
class Target:
    """A limit for a figure at a number of clicks."""

    what: str
    measured: Measured
    limit: Callable[[int], float]
    at_least: bool
    shown: str  # how to write the figure and its limit

    def met(self, found: float, clicks: int) -> bool:
        """Whether the figure is on the right side of the limit."""
        limit = self.limit(clicks)
        return found >= limit if self.at_least else found <= limit


def faster_than_sql(situation: str, clickstats: str = BASELINE) -> Measured:
    """How many times as long as clickstats the fastest sql takes."""

    def measured(results: Results, clicks: int) -> float | None:
        times = {
            peer: time
            for peer in SQL
            if (time := results.figure(clicks, situation, peer, lambda one: one.wall))
        }
        if not times:
            return None
        return results.ratio(clicks, situation, min(times, key=times.__getitem__), clickstats)

    return measured


def ratio(situation: str, peer: str, to: str) -> Measured:
    """How many times as long as the other a peer takes."""
    return lambda results, clicks: results.ratio(clicks, situation, peer, to)


def growth(situation: str) -> Measured:
    """The time a click takes, against what it takes when there are a tenth as many."""

    def measured(results: Results, clicks: int) -> float | None:
        few, many = (
            results.figure(number, situation, BASELINE, lambda one: one.wall)
            for number in (clicks // 10, clicks)
        )
        return many / 10 / few if few and many else None

    return measured


def peak_memory(results: Results, clicks: int) -> float | None:
    """Of clickstats, in the situation where it needs most; in MB."""
    peaks = [
        peak
        for number, situation in results.rounds
        if number == clicks
        and (peak := results.figure(clicks, situation, BASELINE, lambda one: one.memory))
    ]
    return max(peaks) / 1e6 if peaks else None


def log_written(results: Results, clicks: int) -> float | None:
    """Write-ahead log of a run over unchanged data, in kB."""
    found = results.figure(clicks, "nothing changed", BASELINE, lambda one: one.wal)
    return None if found is None else found / KILOBYTE


def _fast(what: str, measured: Measured, times: float) -> Target:
    return Target(what, measured, lambda _: times, True, "{:.1f} times as fast")


def _long(what: str, measured: Measured, times: float) -> Target:
    return Target(what, measured, lambda _: times, False, "{:.2f} times as long")


LEAST = "clickstats, least privilege"
TARGETS = (
    _fast("nothing changed, against the fastest sql", faster_than_sql("nothing changed"), 2),
    _fast("1 % changed, against the fastest sql", faster_than_sql("1 % changed"), 2),
    _fast("first load as the owner, against the fastest sql", faster_than_sql("first load"), 1.5),
    _fast(
        "first load with least privilege, against the fastest sql",
        faster_than_sql("first load", LEAST),
        1.2,
    ),
    _fast(
        "everything changed, against the fastest sql", faster_than_sql("everything changed"), 1.5
    ),
    _fast("nothing changed, against the loop", ratio("nothing changed", "loop", BASELINE), 30),
    _fast("first load, against the loop", ratio("first load", "loop", BASELINE), 15),
    _long("nothing changed, against the floor", ratio("nothing changed", BASELINE, "floor"), 1.5),
    *(
        _long(f"{situation}: a click, against a tenth of the clicks", growth(situation), 1.25)
        for situation in ("first load", "nothing changed", "everything changed")
    ),
    Target(
        "peak memory: 250 MB and 60 bytes a click",
        peak_memory,
        lambda clicks: 250 + 60 * clicks / 1e6,
        False,
        "{:,.0f} MB",
    ),
    Target("nothing changed: log written", log_written, lambda _: 64, False, "{:.0f} kB"),
    _long(
        "one application, against `import polars`",
        ratio("one application", BASELINE, "import polars"),
        2.2,
    ),
)
