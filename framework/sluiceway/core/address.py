"""Which IP addresses outgoing HTTP may connect to."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})  # before an IPv4 address in the lower half (RFC 5214 §6.1)
_GLOBAL: Final = IPv6Network("2000::/3")  # all that is assigned for public use in IPv6

_NEVER: Final = [
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this host: Linux connects it to loopback
        "169.254.0.0/16",  # link-local, with the metadata of EC2 (.169.254), ECS (.170.2) and EKS (.170.23)
        "192.0.0.0/24",  # reserved for protocols
        "100.100.100.200/32",  # metadata of Alibaba Cloud, inside the range of carriers
        "168.63.129.16/32",  # what Azure tells its machines, at an address that is public elsewhere
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "fd00:ec2::/32",  # metadata of EC2 and EKS on IPv6
        "fd20:ce::254/128",  # metadata of Google Cloud on IPv6
    )
]
_PRIVATE: Final = [
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared with a carrier (RFC 6598); EKS gives it to pods
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]


def is_allowed(address: str, *, allow_private: bool) -> bool:
    """Tell whether an IP address may be connected to.

    Public addresses may; loopback and private ones with `allow_private`; link-local, metadata, multicast and
    reserved ones never. An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo) is judged as
    that one, and one that may stand for one (ISATAP) as both.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except (AddressValueError, ValueError):
        return False
    return all(_may_connect(meant, allow_private=allow_private) for meant in _meant(parsed))


def refusal(*, allow_private: bool) -> str:
    """Return why an address that is not allowed is refused, and what would permit it."""
    if allow_private:
        return "its address is one that is never called"
    return "its address is not public; allow_private: true permits private ones"


def _meant(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the addresses that a packet to this one reaches."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return (address, IPv4Address(int(address) & 0xFFFFFFFF))
    return (address.sixtofour,) if address.sixtofour else address.teredo or (address,)


def _may_connect(address: IPv4Address | IPv6Address, *, allow_private: bool) -> bool:
    if any(address in block for block in _NEVER):
        return False
    if any(address in block for block in _PRIVATE):
        return allow_private
    return address.is_global and (isinstance(address, IPv4Address) or address in _GLOBAL)
