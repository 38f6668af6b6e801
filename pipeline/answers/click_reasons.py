"""Why a click has its class, in words. Pure: no database, no clock."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import TypedDict

from pipeline.definition import Clicks
from pipeline.networks import in_both_forms
from pipeline.scoring.user_agents import patterns


class Click(TypedDict):
    """A used click of one application."""

    clicked_at: datetime  # UTC
    local_time: str  # ISO 8601, in the reporting zone
    day_of_week: int  # 0 = Sunday
    hour: int
    link_function: str
    link: int  # names the link within the explanation
    class_: str
    user_agent: str | None
    ip_address: str | None


@dataclass(frozen=True)
class Reasons:
    """Why each of an application's clicks, all of which are in order, has its class. There may be
    very many of them: nothing looks at all of them for each one."""

    clicks: Sequence[Click]
    rules: Clicks

    def of(self, number: int) -> str:
        """Why the click with this number has its class."""
        click, rules = self.clicks[number], self.rules
        reasons: dict[str, Callable[[], str]] = {
            "trap": lambda: self._trap(click),
            "declared": lambda: _pattern(click["user_agent"] or ""),
            "network": lambda: _network(click, rules.machine_networks, "a scanner's"),
            "own": lambda: _network(click, rules.own_networks, "the applicant's own"),
            "sweep": lambda: self._sweep(click["clicked_at"]),
            "repeat": lambda: self._repeat(number),
            "human": lambda: "",
        }
        return reasons[click["class_"]]()

    @cached_property
    def _times(self) -> list[datetime]:
        return [click["clicked_at"] for click in self.clicks]

    @cached_property
    def _on_traps(self) -> list[Click]:
        traps = self.rules.trap_functions
        return [click for click in self.clicks if click["link_function"] in traps]

    def _trap(self, click: Click) -> str:
        if click["link_function"] in self.rules.trap_functions:
            return f"on {click['link_function']}, a trap: no person sees this link"
        at = click["clicked_at"]
        later = bisect_left(self._on_traps, at, key=lambda other: other["clicked_at"])
        nearest = min(
            self._on_traps[max(later - 1, 0) : later + 1],
            key=lambda other: abs(other["clicked_at"] - at),
        )
        span = nearest["clicked_at"] - at
        when = "before" if span > timedelta() else "after"
        close = f"{_seconds(abs(span))} {when}" if span else "at the same moment as"
        return f"{close} a click on the trap {nearest['link_function']}"

    @cached_property
    def _instants(self) -> list[datetime]:
        return list(dict.fromkeys(self._times))

    @cached_property
    def _stretches(self) -> list[tuple[int, int, int]]:
        """Of the stretch that begins with each instant how many different links it holds, how many
        clicks, as a negative number, and its first click, likewise: the largest says most."""
        span = timedelta(seconds=self.rules.sweep_seconds)
        found = []
        links: Counter[int] = Counter()  # of the clicks in the stretch
        first = end = 0
        for start in self._instants:
            while end < len(self.clicks) and self._times[end] <= start + span:
                links[self.clicks[end]["link"]] += 1
                end += 1
            while self._times[first] < start:
                left = self.clicks[first]["link"]
                links[left] -= 1
                if not links[left]:
                    del links[left]
                first += 1
            found.append((len(links), first - end, -first))
        return found

    @cached_property
    def _most(self) -> dict[datetime, tuple[int, int, int]]:
        """For each instant the stretch with most different links that it lies in; of those the one
        with fewest clicks."""
        span = timedelta(seconds=self.rules.sweep_seconds)
        begun: deque[int] = deque()  # those that may be it, each of them more than the next
        found = {}
        for number, at in enumerate(self._instants):
            while begun and self._stretches[begun[-1]] < self._stretches[number]:
                begun.pop()
            begun.append(number)
            while self._instants[begun[0]] < at - span:
                begun.popleft()
            found[at] = self._stretches[begun[0]]
        return found

    @cached_property
    def _of_function(self) -> dict[str, list[int]]:
        """The clicks on each link function, by their numbers."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for number, click in enumerate(self.clicks):
            found[click["link_function"]].append(number)
        return found

    @cached_property
    def _in_words(self) -> dict[tuple[int, int, int], str]:
        return {}  # the stretches that were asked for

    def _sweep(self, at: datetime) -> str:
        links, length, first = most = self._most[at]
        if most not in self._in_words:
            first, last = -first, -first - length - 1
            firsts = (
                (numbers[after], name)
                for name, numbers in self._of_function.items()
                if (after := bisect_left(numbers, first)) < len(numbers)
            )
            names = ", ".join(name for number, name in sorted(firsts) if number <= last)
            taken = self._times[last] - self._times[first]
            when = f"within {_seconds(taken)}" if taken else "at the same moment"
            self._in_words[most] = f"{links} links {when}: {names}"
        return self._in_words[most]

    @cached_property
    def _before_on_link(self) -> list[datetime | None]:
        """For each click when the one before it on its link came that no other class claims."""
        latest: dict[int, datetime] = {}
        found = []
        for click in self.clicks:
            found.append(latest.get(click["link"]))
            if click["class_"] in {"repeat", "human"}:
                latest[click["link"]] = click["clicked_at"]
        return found

    def _repeat(self, number: int) -> str:
        before = self._before_on_link[number]
        after = self._times[number] - before if before else timedelta()
        when = f"{_seconds(after)} after another" if after else "at the same moment as another"
        return f"{when} click on the same link"


def _pattern(user_agent: str) -> str:
    found = next((each for each in patterns() if re.search(each, user_agent)), "a known program")
    return f"its user agent says that it is a program: pattern {found}"


def _network(click: Click, networks: Sequence[str], whose: str) -> str:
    address = ip_address((click["ip_address"] or "").partition("/")[0])
    found = next(
        (
            each
            for each in networks
            if any(address in ip_network(form) for form in in_both_forms([each]))
        ),
        "a network",
    )
    return f"its address lies in {found}, {whose} network"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.6f}".rstrip("0").rstrip(".") + " s"
