"""Where a client comes from, for limits: what one person can have many of must count as one."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=4_096)
def origin_of(address: str | None) -> str:
    """The address to count: of IPv6 its network, since every home has 2^64 addresses or more.

    Source: RFC 6177, section 2.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "?"  # A UNIX socket, or what a proxy says.
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
