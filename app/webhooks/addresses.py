"""Where webhooks may go: public addresses, unless a setting allows private ones.

A name is resolved once and the connection goes to the address that was checked, so that a name
server cannot answer twice. Otherwise a webhook would be a way into the network of the service.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from anyio import getaddrinfo

_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class RefusedAddressError(Exception):
    """The webhook's host is none that the service may call."""


def is_public(address: Address) -> bool:
    """Also looks into IPv6 addresses that stand for an IPv4 address."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """The address to connect to. Raises RefusedAddressError if any of the host's addresses is
    not public, and OSError for a host that cannot be found."""
    found = await getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise RefusedAddressError(f"{host} is at {private[0]}, which is not a public address")
    return str(addresses[0])
