"""The guard of outgoing HTTP: names and addresses in disguise, redirects, the environment, pooled connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluiceway.adapters.http import HttpPool
from sluiceway.core.context import Http
from sluiceway.core.errors import Reject

if TYPE_CHECKING:
    from tests.contract.conftest import Peer

HEAD = b"HTTP/1.1 200 OK\r\n"

Resolve = Callable[[dict[str, list[str]]], None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Make names lead to addresses; each list is one answer of the resolver, and its last element is repeated."""

    def install(names: dict[str, list[str]]) -> None:
        async def getaddrinfo(host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
            answers = names[host.rstrip(".")]
            addresses = (answers.pop(0) if len(answers) > 1 else answers[0]).split()
            return [_target(address, port) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return install


def _target(address: str, port: int) -> tuple[object, ...]:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


async def _refused(http: Http, url: str) -> Reject:
    with pytest.raises(Reject) as raised:
        await http.request("GET", url)
    assert raised.value.error == "refused"
    return raised.value


LOOPBACK_HOSTS = [
    "127.0.0.1.",
    "127.000.000.001",
    "0177.0.0.1",
    "017700000001",
    "0x7f000001",
    "0x7F.0x0.0x0.0x1",
    "2130706433.",
    "LOCALHOST",
    "localhost.",
    "metadata.localhost",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::1]",
    "[::127.0.0.1]",
]
METADATA_HOSTS = [
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.254.",
    "[::169.254.169.254]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[64:ff9b:1:a9fe:a9:fe00::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:a9fe:a9fe::]",
    "[fd00:ec2:0::254]",
    "[fe80::a9fe:a9fe]",
]


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
async def test_a_loopback_address_is_refused_however_it_is_spelled(host: str, peer: Peer, public: Http) -> None:
    await _refused(public, peer.url(host, scheme="https"))
    assert peer.connections == 0


@pytest.mark.parametrize("host", METADATA_HOSTS)
async def test_a_metadata_address_is_refused_however_it_is_spelled_and_whatever_is_allowed(
    host: str, public: Http, private: Http
) -> None:
    await _refused(public, f"https://{host}/latest")
    await _refused(private, f"http://{host}/latest")


@pytest.mark.parametrize(
    "host",
    [
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1%25lo]",
        "\u2460\u2461\u2466.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "127.0.0.1%00.example",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
async def test_a_host_with_a_zone_or_other_digits_is_no_host(
    host: str,
    allow_private: bool,  # noqa: FBT001 - pytest gives it
    peer: Peer,
    pool: HttpPool,
) -> None:
    http = pool.client(timeout=5, max_size=100, allow_private=allow_private)
    await _refused(http, peer.url(host, scheme="https"))
    assert peer.connections == 0


@pytest.mark.parametrize(
    "addresses", ["127.0.0.1", "::1", "10.1.2.3 192.168.1.1", "fd00::1 ::ffff:127.0.0.1", "fe80::1%eth0", "0.1.2.3"]
)
async def test_a_name_that_leads_only_to_refused_addresses_is_refused(
    addresses: str, peer: Peer, public: Http, resolve: Resolve
) -> None:
    resolve({"inside.example": [addresses]})
    await _refused(public, peer.url("inside.example", scheme="https"))
    assert peer.connections == 0


async def test_of_several_addresses_only_the_allowed_ones_are_connected_to(
    peer: Peer, private: Http, resolve: Resolve
) -> None:
    peer.answers = iter([HEAD + b"content-length: 2\r\n\r\nok"])
    resolve({"mixed.example": ["169.254.169.254 fd00:ec2::254 ::ffff:169.254.169.254 127.0.0.1"]})
    assert (await private.request("GET", peer.url("mixed.example"))).body == b"ok"


async def test_a_name_that_changes_its_address_between_two_requests_is_judged_at_each(
    peer: Peer, private: Http, resolve: Resolve
) -> None:
    peer.answers = iter([HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\nok"])
    resolve({"rebinding.example": ["127.0.0.1", "169.254.169.254"]})
    url = peer.url("rebinding.example")
    assert (await private.request("GET", url)).body == b"ok"
    other_port = url.replace(str(peer.port), "80")  # the resolver's answer is kept for some seconds by name and port
    await _refused(private, other_port)


async def test_an_address_is_judged_again_when_the_socket_is_made(
    peer: Peer, pool: HttpPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluiceway.adapters.guard.GuardedResolver.resolve", _unguarded)
    http = pool.client(timeout=5, max_size=100)
    await _refused(http, peer.url("rebinding.example", scheme="https"))
    assert peer.connections == 0


async def _unguarded(_self: object, host: str, port: int = 0, **_options: object) -> list[dict[str, object]]:
    return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 6, "flags": 0}]


def _redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to",
    [
        "http://2852039166/latest",
        "//169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.example/latest",
        "http://u:p@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ],
)
async def test_every_redirect_is_judged_like_the_first_request(
    to: str, status: int, peer: Peer, private: Http, resolve: Resolve
) -> None:
    peer.answers = iter([_redirect(to, status)])
    resolve({"metadata.example": ["169.254.169.254"]})
    await _refused(private, peer.url())
    assert len(peer.requests) == 1


async def test_a_redirect_to_another_port_of_the_host_takes_no_credentials_along(
    peer: Peer, other_peer: Peer, private: Http
) -> None:
    other_peer.answers = iter([HEAD + b"content-length: 2\r\n\r\nok"])
    peer.answers = iter([_redirect(other_peer.url())])
    sent = {"Authorization": "hunter2", "Cookie": "hunter2", "X-Api-Key": "hunter2", "Proxy-Authorization": "hunter2"}
    await private.request("GET", peer.url(), headers=sent)
    assert peer.requests[0].count(b"hunter2") == 4
    assert b"hunter2" not in other_peer.requests[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_what_has_a_body_is_never_redirected(method: str, peer: Peer, private: Http) -> None:
    peer.answers = iter([_redirect("/elsewhere", 307)])
    assert (await private.request(method, peer.url(), body=b"")).status == 307
    assert len(peer.requests) == 1


async def test_proxies_and_credentials_in_the_environment_are_not_used(
    peer: Peer, public: Http, private: Http, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    peer.answers = iter([HEAD + b"content-length: 2\r\n\r\nok"])
    assert (await private.request("GET", peer.url())).body == b"ok"
    assert b"authorization" not in peer.requests[0].lower()
    await _refused(public, "https://10.0.0.1/")


async def test_a_connection_is_used_again_by_components_that_allow_the_same_and_by_no_others(
    peer: Peer, pool: HttpPool, private: Http, resolve: Resolve
) -> None:
    peer.answers = iter([HEAD + b"content-length: 2\r\n\r\nok"] * 3)
    resolve({"partner.example": ["127.0.0.1"]})
    url = peer.url("partner.example")
    await private.request("GET", url)
    await pool.client(timeout=5, max_size=100, allow_private=True).request("GET", url)
    assert peer.connections == 1
    await _refused(pool.client(timeout=5, max_size=100), peer.url("partner.example", scheme="https"))
    assert peer.connections == 1
