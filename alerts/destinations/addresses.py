"""Addresses: which ones an outgoing request may reach, in whatever spelling they come.

`ipaddress.is_global` is not enough: it lets multicast, NAT64, 6to4, site-local and some clouds' metadata through.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Opened by ALLOW_PRIVATE_TARGETS.
PRIVATE: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7"))
)
# Clouds' metadata inside the private ranges: never opened.
METADATA: tuple[Network, ...] = tuple(map(ip_network, ("fd00:ec2::/32", "fd20:ce::/32")))
# All of IPv6 that is given to anybody to be reached at; the rest, IPv4 translated into it (::ffff:0:127.0.0.1) too, is shut.
GLOBAL_V6 = IPv6Network("2000::/3")
# Never opened: clouds' metadata elsewhere, link-local, multicast, documentation, and what wraps another address.
SHUT: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
            "5f00::/16",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)


def forbidden(text: str, *, allow_private: bool) -> str | None:
    """Why this address must not be reached, as a word for the sentence; None where it may be."""
    try:
        address: Address = ip_address(text.partition("%")[0])
    except ValueError:
        return "unreadable"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if _within(address, METADATA):
        return "reserved"
    if _within(address, PRIVATE):
        return None if allow_private else "private"
    if isinstance(address, IPv6Address) and address not in GLOBAL_V6:
        return "reserved"
    return "reserved" if _within(address, SHUT) or not address.is_global else None


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
