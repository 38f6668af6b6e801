"""Networks of addresses, which may be written in two forms."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

MAPPED = ip_network("::ffff:0:0/96")  # IPv4 addresses, as a server that listens to both writes them


def in_both_forms(networks: Iterable[str]) -> list[str]:
    """The networks in CIDR, those of IPv4 as IPv6 has them, too, and the other way round."""
    found: list[str] = []
    for text in networks:
        network = ip_network(text)
        found.append(text)
        if isinstance(network, IPv4Network):
            found.append(f"::ffff:{network.network_address}/{network.prefixlen + 96}")
        elif isinstance(network, IPv6Network) and network.subnet_of(MAPPED):  # type: ignore[arg-type]
            found.append(f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}")
    return found
