"""Networks: which addresses are one somebody. Whoever has an IPv6 address has 2^64 of them, so those of one /64 count together."""

from ipaddress import IPv6Address, IPv6Network, ip_address

LONGEST = 64


def network_of(address: str) -> str:
    """The network that an address counts with: an IPv4 address alone, the /64 of an IPv6 one; any other text is itself."""
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:LONGEST]
    if not isinstance(told, IPv6Address):
        return str(told)
    if told.ipv4_mapped is not None:
        return str(told.ipv4_mapped)
    return str(IPv6Network((told, 64), strict=False))
