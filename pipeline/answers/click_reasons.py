"""Why a click has its class, in words. Pure: no database, no clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
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


def reason(click: Click, clicks: Sequence[Click], rules: Clicks) -> str:
    """Why this one of the application's clicks, all of which are in order, has its class."""
    reasons: dict[str, Callable[[], str]] = {
        "trap": lambda: _trap(click, clicks, rules),
        "declared": lambda: _pattern(click["user_agent"] or ""),
        "network": lambda: _network(click, rules.machine_networks, "a scanner's"),
        "own": lambda: _network(click, rules.own_networks, "the applicant's own"),
        "sweep": lambda: _sweep(click, clicks, rules),
        "repeat": lambda: _repeat(click, clicks),
        "human": lambda: "",
    }
    return reasons[click["class_"]]()


def _trap(click: Click, clicks: Sequence[Click], rules: Clicks) -> str:
    if click["link_function"] in rules.trap_functions:
        return f"on {click['link_function']}, a trap: no person sees this link"
    nearest = min(
        (other for other in clicks if other["link_function"] in rules.trap_functions),
        key=lambda other: abs(other["clicked_at"] - click["clicked_at"]),
    )
    span = nearest["clicked_at"] - click["clicked_at"]
    when = "before" if span > timedelta() else "after"
    close = f"{_seconds(abs(span))} {when}" if span else "at the same moment as"
    return f"{close} a click on the trap {nearest['link_function']}"


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


def _sweep(click: Click, clicks: Sequence[Click], rules: Clicks) -> str:
    """The stretch with most different links."""
    span = timedelta(seconds=rules.sweep_seconds)
    stretches = [
        [other for other in clicks if start <= other["clicked_at"] <= start + span]
        for start in {other["clicked_at"] for other in clicks}
        if start <= click["clicked_at"] <= start + span
    ]
    burst = max(stretches, key=lambda stretch: (len({o["link"] for o in stretch}), -len(stretch)))
    links = len({other["link"] for other in burst})
    names = ", ".join(dict.fromkeys(other["link_function"] for other in burst))
    taken = burst[-1]["clicked_at"] - burst[0]["clicked_at"]
    when = f"within {_seconds(taken)}" if taken else "at the same moment"
    return f"{links} links {when}: {names}"


def _repeat(click: Click, clicks: Sequence[Click]) -> str:
    number = next(place for place, other in enumerate(clicks) if other is click)
    before = [
        other["clicked_at"]
        for other in clicks[:number]
        if other["link"] == click["link"] and other["class_"] in {"repeat", "human"}
    ]
    after = click["clicked_at"] - before[-1]
    when = f"{_seconds(after)} after another" if after else "at the same moment as another"
    return f"{when} click on the same link"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.6f}".rstrip("0").rstrip(".") + " s"
