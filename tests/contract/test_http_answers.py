"""What servers answer that mean harm, or are broken: bombs, stalls, malformed and unasked answers."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from sluiceway.core.context import Http
from sluiceway.core.errors import MessageError, Transient
from sluiceway.core.http import OversizeAnswer

if TYPE_CHECKING:
    from tests.contract.conftest import Peer

MEGABYTE = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\n"


def _redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


def _packed(body: bytes, coding: str) -> bytes:
    return HEAD + f"content-encoding: {coding}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def _bomb(megabytes: int, wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)], ids=["gzip", "zlib", "raw"]
)
async def test_a_bomb_in_any_packing_is_never_held(coding: str, wbits: int, peer: Peer, private: Http) -> None:
    peer.answers = iter([_packed(_bomb(200, wbits), coding)])
    tracemalloc.start()
    try:
        with pytest.raises(OversizeAnswer):
            await private.request("GET", peer.url())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE


async def test_many_members_of_gzip_are_bounded_together(peer: Peer, private: Http) -> None:
    peer.answers = iter([_packed(gzip.compress(bytes(64 * 1024)) * 1000, "gzip")])
    with pytest.raises(MessageError):
        await private.request("GET", peer.url())


async def test_a_packing_within_a_packing_is_not_unpacked_twice(peer: Peer, private: Http) -> None:
    inner = gzip.compress(_bomb(20, 31))
    peer.answers = iter([_packed(inner, "gzip, gzip"), _packed(inner, "gzip")])
    for _ in range(2):
        answer = await private.request("GET", peer.url())
        assert len(answer.body) < MEGABYTE


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "x-gzip", "nonsense"])
async def test_a_packing_that_was_not_asked_for_is_an_answer_or_an_outage(
    coding: str, peer: Peer, private: Http
) -> None:
    peer.answers = iter([_packed(b"\x28\xb5\x2f\xfd\x00\x00", coding)])
    try:
        assert len((await private.request("GET", peer.url())).body) <= 6
    except Transient:
        assert coding in {"br", "zstd"}  # where a library for it is installed, or aiohttp asks for one


STALLS = {
    "before the status": b"",
    "in the status": b"HTTP/1.1 20",
    "in the headers": HEAD + b"x: ",
    "between the headers": HEAD + b"a: b\r\n",
    "before the body": HEAD + b"content-length: 5\r\n\r\n",
    "in the body": HEAD + b"content-length: 5\r\n\r\nabc",
    "in a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nabc",
    "before the last chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "in a body without an end": HEAD + b"\r\nabc",
    "after a 1xx": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
}


@pytest.mark.parametrize("said", STALLS.values(), ids=STALLS)
async def test_a_server_that_stalls_anywhere_is_left_after_the_time_out(said: bytes, peer: Peer, hasty: Http) -> None:
    peer.answers = iter([said])
    with pytest.raises(Transient, match=r"did not answer within 0\.1s"):
        await hasty.request("GET", peer.url())


async def test_one_time_out_is_over_all_redirects_together(peer: Peer, hasty: Http) -> None:
    peer.answers = iter([_redirect("/1"), _redirect("/2")])
    with pytest.raises(Transient, match=r"/x did not answer within 0\.1s"):
        await hasty.request("GET", peer.url())
    assert len(peer.requests) == 3


MALFORMED = {
    "a chunk size that is no number": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc",
    "a negative chunk size": HEAD + b"transfer-encoding: chunked\r\n\r\n-1\r\nabc",
    "a length that is no number": HEAD + b"content-length: many\r\n\r\nabc",
    "a negative length": HEAD + b"content-length: -5\r\n\r\nabc",
    "two lengths": HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "a header over eight kilobytes": HEAD + b"x: " + b"a" * 9000 + b"\r\ncontent-length: 0\r\n\r\n",
    "a header of a megabyte": HEAD + b"x: " + b"a" * MEGABYTE,
    "a header's name of a megabyte": HEAD + b"a" * MEGABYTE,
    "a status line of a megabyte": b"HTTP/1.1 200 " + b"a" * MEGABYTE,
    "ten thousand headers": HEAD + b"".join(b"x%d: a\r\n" % i for i in range(10_000)) + b"content-length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "nothing but zeros": bytes(MEGABYTE),
}


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
async def test_an_answer_that_is_malformed_or_beyond_the_bounds_is_transient(
    said: bytes, peer: Peer, private: Http
) -> None:
    peer.answers = iter([said, HEAD + b"content-length: 2\r\n\r\nok"])
    with pytest.raises(Transient, match=r"is not HTTP|broke off its answer"):
        await private.request("GET", peer.url())
    assert (await private.request("GET", peer.url())).body == b"ok"
    assert peer.connections == 2, "a connection that spoke nonsense is not used again"


async def test_what_comes_after_an_answer_is_not_the_answer_to_the_next_request(peer: Peer, private: Http) -> None:
    smuggled = HEAD + b"content-length: 5\r\n\r\nevil!"
    peer.answers = iter([HEAD + b"content-length: 2\r\n\r\nok" + smuggled, HEAD + b"content-length: 4\r\n\r\ngood"])
    assert (await private.request("GET", peer.url())).body == b"ok"
    assert (await private.request("GET", peer.url())).body == b"good"


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"content-length: 5\r\n\r\nevil!",
        b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_what_a_server_says_unasked_on_an_idle_connection_is_no_answer(
    said: bytes, peer: Peer, private: Http
) -> None:
    peer.answers = iter([HEAD + b"content-length: 1\r\n\r\n" + digit for digit in (b"1", b"2", b"3")])
    assert (await private.request("GET", peer.url())).body == b"1"
    await peer.say_unasked(said)
    assert (await private.request("GET", peer.url())).body == b"2"
    assert (await private.request("GET", peer.url())).body == b"3"
    assert peer.connections == 2


async def test_a_post_on_a_connection_that_was_spoken_on_unasked_is_transient_and_unsent(
    peer: Peer, private: Http
) -> None:
    peer.answers = iter([HEAD + b"content-length: 1\r\n\r\n1"])
    await private.request("GET", peer.url())
    await peer.say_unasked(HEAD + b"content-length: 5\r\n\r\nevil!")
    with pytest.raises(Transient, match="closed the connection before it answered"):
        await private.request("POST", peer.url(), body=b"")
    assert len(peer.requests) == 1


async def test_a_switch_of_protocols_is_an_answer_like_any_other(peer: Peer, private: Http) -> None:
    peer.answers = iter([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81"])
    assert (await private.request("GET", peer.url())).status == 101
