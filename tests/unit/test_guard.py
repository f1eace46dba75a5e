"""Which addresses outgoing HTTP may connect to."""

import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.adapters.guard import GuardedSockets, RefusedAddress
from sluiceway.core.address import is_allowed

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "99.255.255.255",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "::ffff:8.8.8.8",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:470:1::5efe:a00:1",
    "fd12:3456::200:5efe:808:808",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::",  # Teredo whose server is metadata
    "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo whose client is metadata
    "64:ff9b:1:a9fe:a9:fe00::",
    "2001:470:1::5efe:a9fe:a9fe",  # ISATAP
    "2001:470:1::200:5efe:a9fe:a9fe",
    "fd12:3456::5efe:a9fe:a9fe",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3",
    "::",
    "::169.254.169.254",
    "::127.0.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_allowed_only_with_allow_private(address: str) -> None:
    assert not is_allowed(address, allow_private=False)
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_a_metadata_or_special_address_is_never_allowed(address: str) -> None:
    assert not is_allowed(address, allow_private=False)
    assert not is_allowed(address, allow_private=True)


@given(st.ip_addresses(v=4), st.booleans())
@settings(max_examples=100)
def test_every_form_of_an_ipv4_address_is_judged_as_the_address_itself(address: IPv4Address, allow: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    number = int(address)
    forms = [0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1]
    for form in map(IPv6Address, forms):
        assert is_allowed(str(form), allow_private=allow) == is_allowed(str(address), allow_private=allow), form


@given(st.ip_addresses())
@settings(max_examples=150)
def test_allow_private_only_ever_adds_private_addresses(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo):
        return  # judged as the IPv4 address inside; what `is_global` says of these differs between Pythons
    if is_allowed(str(address), allow_private=False):
        assert is_allowed(str(address), allow_private=True)
        assert address.is_global
        assert not address.is_multicast


def test_a_socket_is_refused_for_the_address_that_it_would_connect_to() -> None:
    target = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))
    with pytest.raises(RefusedAddress):
        GuardedSockets(allow_private=False)(target)
    GuardedSockets(allow_private=True)(target).close()
