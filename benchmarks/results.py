"""What was measured, kept in results.json, and how it is summed up.

A figure is the median over the rounds of the last invocation that measured the peer. A ratio is
taken within each round, over the rounds of the last invocation that measured both, and is the
median of those. So sizes, situations and peers can be measured in invocations of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.measure import Figures

BASELINE = "clickstats"


@dataclass(frozen=True)
class Round:
    """Each peer once, one after the other: its figures, or why it has none."""

    invocation: str  # when it began
    peers: dict[str, Figures | str]


@dataclass(frozen=True)
class Results:
    """All rounds, by clicks and situation, and where each invocation ran."""

    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    rounds: dict[tuple[int, str], list[Round]] = field(default_factory=dict)

    def add(self, clicks: int, situation: str, rounds: Sequence[Round]) -> None:
        """Add an invocation's rounds; older ones stay for the peers that it left out."""
        measured = {BASELINE, *(peer for round_ in rounds for peer in round_.peers)}
        older = self.rounds.get((clicks, situation), [])
        kept = [round_ for round_ in older if round_.peers.keys() - measured]
        self.rounds[clicks, situation] = [*kept, *rounds]

    def sizes(self) -> list[int]:
        """The numbers of clicks that were measured."""
        return sorted({clicks for clicks, _ in self.rounds})

    def peers(self, clicks: int, situation: str) -> set[str]:
        """The peers that were measured or failed."""
        return {peer for round_ in self._of(clicks, situation) for peer in round_.peers}

    def last(self, clicks: int, situation: str, *peers: str) -> list[Round]:
        """The rounds of the last invocation that has all these peers."""
        those = [one for one in self._of(clicks, situation) if one.peers.keys() >= set(peers)]
        return [one for one in those if one.invocation == those[-1].invocation]

    def failure(self, clicks: int, situation: str, peer: str) -> str:
        """Why the peer has no figures, or nothing."""
        found = [one.peers[peer] for one in self.last(clicks, situation, peer)]
        return next((why for why in found if isinstance(why, str)), "")

    def figure(
        self, clicks: int, situation: str, peer: str, of: Callable[[Figures], float]
    ) -> float | None:
        """The median of a figure; None when the peer failed or was not measured."""
        return self._median(clicks, situation, [peer], lambda figures: of(figures[0]))

    def ratio(self, clicks: int, situation: str, peer: str, to: str) -> float | None:
        """How many times as long as the other the peer takes."""
        return self._median(
            clicks, situation, [peer, to], lambda figures: figures[0].wall / figures[1].wall
        )

    def _median(
        self,
        clicks: int,
        situation: str,
        peers: list[str],
        of: Callable[[list[Figures]], float],
    ) -> float | None:
        values = []
        for round_ in self.last(clicks, situation, *peers):
            found = [round_.peers[peer] for peer in peers]
            figures = [one for one in found if isinstance(one, Figures)]
            if len(figures) < len(peers):
                return None
            values.append(of(figures))
        return median(values) if values else None

    def _of(self, clicks: int, situation: str) -> list[Round]:
        """The rounds, in the order in which they were measured."""
        return self.rounds.get((clicks, situation), [])

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        rounds = [
            {"clicks": clicks, "situation": situation, **asdict(round_)}
            for (clicks, situation), several in sorted(self.rounds.items())
            for round_ in several
        ]
        used = {round_["invocation"] for round_ in rounds}
        environments = {name: one for name, one in self.environments.items() if name in used}
        document = {"environments": environments, "rounds": rounds}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """The results of earlier invocations, if there are any."""
    if not path.exists():
        return Results()
    document = json.loads(path.read_text(encoding="utf-8"))
    results = Results(document["environments"])
    for entry in document["rounds"]:
        peers = {
            name: one if isinstance(one, str) else Figures(**one)
            for name, one in entry["peers"].items()
        }
        key = entry["clicks"], entry["situation"]
        results.rounds.setdefault(key, []).append(Round(entry["invocation"], peers))
    return results
