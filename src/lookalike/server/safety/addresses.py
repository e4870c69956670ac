"""Which addresses are of the public internet, and none of this machine or its network."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["is_public"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's special-purpose registry (RFC 6890 and later), and what answers in clouds.
NOT_PUBLIC_V4 = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own, which looks public
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

# Of IPv6 only this is handed out to the public; private, link-local, site-local and
# multicast networks, the clouds' fd00:ec2::254 and ::1 all lie outside.
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
NOT_PUBLIC_V6 = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, whatever it holds
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)
# Networks without IPv4 reach it through these: what counts is the address inside.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# The identifiers of ISATAP interfaces (RFC 5214), whose last four bytes are IPv4.
ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(text: str) -> bool:
    """Tell whether a numeric address is a public one of another machine."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # with a scope, for example: of a link
        return False
    return is_global(address) and not is_own(address)


def is_global(address: Address) -> bool:
    """Tell whether an address is handed out to the public."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    if address in NAT64:
        return is_global(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        return False
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def is_own(address: Address) -> bool:
    """Tell whether an address is this machine's own, which would be where it is reached from.

    Nothing is sent: connecting a datagram socket only asks for the route.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(address), 9))
            own = asking.getsockname()[0]
    except OSError:  # no way leads there
        return False
    return ipaddress.ip_address(own.partition("%")[0]) == address
