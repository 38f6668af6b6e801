"""The slow, obvious twin of "which clicks are human": the class of each used click of one
application, sentence by sentence from the specification."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from crawleruseragents import is_crawler

from tests.oracle_world import Definition

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Used:
    """A used click: when, of which function, on which link, by whom."""

    at: datetime
    function: str
    link: str
    user_agent: str | None
    ip_address: str | None


def classes_of_application(clicks: Sequence[Used], definition: Definition) -> list[str]:
    """Parallel to the clicks, which are all that the application has, in any order."""
    claimed = [claim(click, clicks, definition) for click in clicks]
    repeated = repeats([not claim for claim in claimed], clicks, definition)
    return [
        claim or ("repeat" if number in repeated else "human")
        for number, claim in enumerate(claimed)
    ]


def claim(click: Used, clicks: Sequence[Used], definition: Definition) -> str | None:
    """The first class that fits, of those that do not depend on the classes of other clicks."""
    if trapped(click, clicks, definition):
        return "trap"
    if click.user_agent is not None and declared(click.user_agent):
        return "declared"
    if lies_in(click.ip_address, definition.machine_networks):
        return "network"
    if lies_in(click.ip_address, definition.own_networks):
        return "own"
    if swept(click, clicks, definition):
        return "sweep"
    return None


def trapped(click: Used, clicks: Sequence[Used], definition: Definition) -> bool:
    """On a trap link, or within the seconds of a sweep before or after a click on one."""
    near = timedelta(seconds=definition.sweep_seconds)
    return any(
        other.function in definition.trap_functions and abs(click.at - other.at) <= near
        for other in clicks
    )


@cache
def declared(user_agent: str) -> bool:
    """The user agent says that it is a program."""
    return bool(is_crawler(user_agent))


def lies_in(ip_address: str | None, networks: Sequence[str]) -> bool:
    """An address with a mask stands for all of its network, as PostgreSQL's `<<=` has it. One of
    IPv4 may stand as IPv6, ::ffff:192.0.2.1; a network may, too."""
    if ip_address is None:
        return False
    addresses = forms(ip_interface(ip_address).network)
    return any(
        network.version == address.version and address.subnet_of(network)  # type: ignore[arg-type]
        for text in networks
        for network in forms(ip_network(text))
        for address in addresses
    )


def forms(network: Network) -> list[Network]:
    """The network, and the one of IPv4 that it stands for."""
    of_ipv4 = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if of_ipv4 and network.prefixlen >= 96:
        return [network, ip_network(f"{of_ipv4}/{network.prefixlen - 96}")]
    return [network]


def swept(click: Used, clicks: Sequence[Used], definition: Definition) -> bool:
    """In a stretch that holds clicks on many links. One that begins with a click will do: another
    could be moved to the right until it does, and would lose none."""
    if definition.sweep_links == 0:
        return False
    longest = timedelta(seconds=definition.sweep_seconds)
    for first in clicks:
        if first.at <= click.at <= first.at + longest:
            links = {other.link for other in clicks if first.at <= other.at <= first.at + longest}
            if len(links) >= definition.sweep_links:
                return True
    return False


def repeats(candidates: Sequence[bool], clicks: Sequence[Used], definition: Definition) -> set[int]:
    """Which candidates came soon after another on the same link, by their numbers."""
    soon = timedelta(seconds=definition.repeat_seconds)
    previous: dict[str, datetime] = {}
    found = set()
    for number in sorted(range(len(clicks)), key=lambda number: clicks[number].at):
        click = clicks[number]
        if not candidates[number]:
            continue
        if click.link in previous and click.at - previous[click.link] <= soon:
            found.add(number)
        previous[click.link] = click.at
    return found
