"""Draws results.svg: time against the number of clicks, both logarithmic, one panel a situation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.datasets import SITUATIONS
from benchmarks.peer import Peer
from benchmarks.results import BASELINE, Results

mpl.rcParams["font.size"] = 9
# the same results make the same file
mpl.rcParams["svg.hashsalt"] = "clickstats"
METADATA = {"Date": None, "Creator": None}


def draw(results: Results, peers: Iterable[Peer], path: Path) -> None:
    """Draw every peer and the floor; a size at which a peer failed has no point."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    *panels, legend = figure.subplots(2, 3).flat
    handles = {}
    for situation, axis in zip(SITUATIONS, panels, strict=True):
        axis.set(title=situation.name, xscale="log", yscale="log")
        axis.set(xlabel="clicks", ylabel="seconds")
        axis.grid(visible=True, which="major", color="0.9")
        for number, peer in enumerate(peers):
            points = [
                (clicks, seconds)
                for clicks in results.sizes()
                if (
                    seconds := results.figure(
                        clicks, situation.name, peer.name, lambda one: one.wall
                    )
                )
            ]
            if points:
                (handles[peer.name],) = axis.plot(
                    *zip(*points, strict=True), marker=".", **_style(peer, number)
                )
    legend.set_axis_off()
    legend.legend(handles.values(), handles.keys(), loc="center", frameon=False)
    figure.savefig(path, metadata=METADATA)


def _style(peer: Peer, number: int) -> dict[str, Any]:
    if peer.name == "floor":
        return {"color": "black", "linestyle": "--", "linewidth": 1}
    return {
        "color": f"C{number % 10}",
        "linestyle": "-" if peer.writes else ":",
        "linewidth": 2.5 if peer.name == BASELINE else 1,
    }
