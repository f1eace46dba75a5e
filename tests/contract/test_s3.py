from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sluiceway.core.errors import Reject, Transient

MIB = 1024 * 1024


async def test_an_object_comes_back_byte_for_byte(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await (await context.clients.open("s3")).create_bucket(Bucket=name)
        bucket = context.bucket(name)
        content = bytes(range(256)) * (3 * MIB // 256)
        await bucket.put("orders/ä b?.json", content)
        assert await bucket.get("orders/ä b?.json", max_size=len(content)) == content
        await bucket.put("empty", b"")
        assert await bucket.get("empty", max_size=0) == b""


async def test_an_object_beyond_the_limit_is_rejected_as_oversize(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await (await context.clients.open("s3")).create_bucket(Bucket=name)
        bucket = context.bucket(name)
        await bucket.put("big", b"x" * (2 * MIB))
        with pytest.raises(Reject, match="at most 1048576 are read") as caught:
            await bucket.get("big", max_size=MIB)
        assert caught.value.error == "oversize"
        assert len(await bucket.get("big", max_size=2 * MIB)) == 2 * MIB  # the connection is still good


async def test_an_object_that_is_not_there_is_rejected_as_missing(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        await (await context.clients.open("s3")).create_bucket(Bucket=name)
        with pytest.raises(Reject, match=f"bucket {name} has no object gone") as caught:
            await context.bucket(name).get("gone", max_size=1)
    assert caught.value.error == "missing"


async def test_a_bucket_that_is_not_there_is_no_fault_of_the_message(
    endpoint: str, name: str, open_context: Any
) -> None:
    async with open_context(endpoint) as context:
        with pytest.raises(Transient, match=f"bucket {name} does not exist"):
            await context.bucket(name).get("key", max_size=1)
        with pytest.raises(Transient, match=f"bucket {name} does not exist"):
            await context.bucket(name).put("key", b"")


async def test_a_key_that_s3_cannot_have_is_rejected(endpoint: str, name: str, open_context: Any) -> None:
    async with open_context(endpoint) as context:
        with pytest.raises(Reject) as caught:
            await context.bucket(name).get("", max_size=1)
    assert caught.value.error == "refused"


async def test_an_object_of_unknown_length_is_read_up_to_the_limit_only(open_context: Any) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with suppress(ConnectionError):  # the reader hangs up
            for _ in range(1000):
                await response.write(b"x" * MIB)
        return response

    app = web.Application()
    app.router.add_get("/bucket/key", endless)
    async with TestServer(app, host="127.0.0.1") as server, open_context(str(server.make_url("/"))) as context:
        with pytest.raises(Reject, match="at most 1048576 are read"):
            await context.bucket("bucket").get("key", max_size=MIB)
