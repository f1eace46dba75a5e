"""Outgoing HTTP against a real server on 127.0.0.1 that behaves as badly as servers do."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sluiceway.adapters.http import HttpPool
from sluiceway.core.context import Http, HttpAnswer
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.http import OversizeAnswer

MEGABYTE = 1024 * 1024
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(request: web.Request) -> web.Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return web.json_response({"path": request.raw_path, "headers": headers, "size": len(await request.read())})


async def never(_request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def large(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=int(request.query.get("status", 200)))
    await response.prepare(request)
    try:
        for _ in range(50):
            await response.write(bytes(MEGABYTE))
    except ConnectionError:
        pass  # the client has read enough
    return response


async def bomb(_request: web.Request) -> web.Response:
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(50)) + packer.flush()
    return web.Response(body=packed, headers={"content-encoding": "gzip"})


async def packed(_request: web.Request) -> web.Response:
    response = web.Response(text="small " * 100)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def status(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]), text="<html>no</html>", content_type="text/html")


async def redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"location": request.query["to"]})


async def cookies(request: web.Request) -> web.Response:
    return web.Response(text=request.headers.get("cookie", "none"), headers={"set-cookie": "a=1"})


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application(client_max_size=10 * MEGABYTE)
    app.router.add_route("*", "/echo{rest:.*}", echo)
    for path, handler in [("/never", never), ("/large", large), ("/bomb", bomb), ("/packed", packed)]:
        app.router.add_get(path, handler)
    app.router.add_get("/status/{status}", status)
    app.router.add_route("*", "/redirect", redirect)
    app.router.add_get("/cookies", cookies)
    running = TestServer(app, host="127.0.0.1")
    await running.start_server()
    yield running
    await running.close()


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    async with HttpPool() as opened:
        yield opened


@pytest.fixture
def http(pool: HttpPool) -> Http:
    return pool.client(timeout=5, max_size=MEGABYTE, allow_private=True)


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[[Raw], Awaitable[str]]]:
    """Start a TCP server that speaks no HTTP by itself, and return its URL."""
    servers: list[asyncio.Server] = []

    async def start(handle: Raw) -> str:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def url(server: TestServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


async def test_an_answer_comes_whole_with_lower_case_header_names(server: TestServer, http: Http) -> None:
    answer = await http.request("GET", url(server, "/status/404"))
    assert (answer.status, answer.body) == (404, b"<html>no</html>")
    assert answer.headers["content-type"].startswith("text/html")


async def test_what_a_url_has_percent_encoded_arrives_so(server: TestServer, http: Http) -> None:
    answer = await http.request("GET", url(server, "/echo/a%2Fb/%2E%2E/c?q=%26%20"))
    assert b'"/echo/a%2Fb/%2E%2E/c?q=%26%20"' in answer.body


async def test_a_body_over_a_megabyte_is_sent_without_a_warning(server: TestServer, http: Http) -> None:
    answer = await http.request("POST", url(server, "/echo"), body=bytes(3 * MEGABYTE))
    assert b'"size": 3145728' in answer.body


async def test_a_packed_answer_is_unpacked(server: TestServer, http: Http) -> None:
    assert (await http.request("GET", url(server, "/packed"))).body == b"small " * 100


async def test_a_slow_answer_is_transient_and_its_reason_has_no_query(server: TestServer, pool: HttpPool) -> None:
    http = pool.client(timeout=0.05, max_size=100, allow_private=True)
    with pytest.raises(Transient) as raised:
        await http.request("GET", url(server, "/never?key=hunter2"))
    assert raised.value.reason == f"http://127.0.0.1:{server.port}/never did not answer within 0.05s"


async def test_a_cancelled_request_stays_cancelled(server: TestServer, http: Http) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await http.request("GET", url(server, "/never"))


async def test_fifty_megabytes_are_rejected_and_the_start_is_kept(server: TestServer, http: Http) -> None:
    with pytest.raises(OversizeAnswer, match="more than 1048576 bytes") as raised:
        await http.request("GET", url(server, "/large?status=503"))
    assert (raised.value.error, raised.value.answer.status) == ("oversize", 503)
    assert len(raised.value.answer.body) == MEGABYTE


async def test_an_answer_of_exactly_the_limit_is_taken(server: TestServer, pool: HttpPool) -> None:
    http = pool.client(timeout=5, max_size=600, allow_private=True)
    assert len((await http.request("GET", url(server, "/packed"))).body) == 600
    with pytest.raises(OversizeAnswer):
        await pool.client(timeout=5, max_size=599, allow_private=True).request("GET", url(server, "/packed"))


async def test_a_gzip_bomb_is_never_held_in_memory(server: TestServer, http: Http) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(OversizeAnswer):
            await http.request("GET", url(server, "/bomb"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE, "the limit is 1 MiB; 50 MB would be inflated without one"


async def test_connections_are_used_again_after_an_answer_that_was_too_large(server: TestServer, http: Http) -> None:
    for _ in range(3):
        with pytest.raises(OversizeAnswer):
            await http.request("GET", url(server, "/large"))
        assert (await http.request("GET", url(server, "/packed"))).status == 200


async def test_a_refused_connection_is_transient(http: Http) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Transient) as raised:
            await http.request("GET", f"http://127.0.0.1:{port}/x?key=hunter2")
    assert raised.value.reason == f"http://127.0.0.1:{port}/x could not be connected to: Connection refused"


async def test_an_unknown_name_is_transient(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_args: object, **_options: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(Transient, match=r"https://nowhere\.example/x has a name that could not be resolved"):
        await http.request("GET", "https://nowhere.example/x?key=hunter2")


async def test_a_server_without_tls_is_transient(server: TestServer, http: Http) -> None:
    with pytest.raises(Transient, match="could not be connected to by TLS"):
        await http.request("GET", f"https://127.0.0.1:{server.port}/x")


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    writer.close()
    await writer.wait_closed()


async def _other_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def _not_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nhalf")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (_reset, "closed the connection before it answered"),
        (_half, "broke off its answer"),
        (_not_gzip, "broke off its answer, or packed it wrongly"),
        (_other_protocol, "gave an answer that is not HTTP"),
    ],
)
async def test_a_connection_that_breaks_is_transient(
    handle: Raw, words: str, http: Http, raw_server: Callable[[Raw], Awaitable[str]]
) -> None:
    with pytest.raises(Transient, match=words):
        await http.request("POST", await raw_server(handle), body=b"{}")


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:{port}/echo",
        "https://localhost:{port}/echo",
        "https://[::1]:{port}/echo",
        "https://[::ffff:127.0.0.1]:{port}/echo",
        "https://0x7f.1:{port}/echo",
        "https://2130706433:{port}/echo",
        "https://127.1:{port}/echo",
        "https://0.0.0.0:{port}/echo",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:{port}/echo",
    ],
)
async def test_a_private_address_is_refused_however_it_is_written(
    target: str, server: TestServer, pool: HttpPool
) -> None:
    with pytest.raises(Reject, match="is refused") as raised:
        await pool.client(timeout=5, max_size=100).request("GET", target.format(port=server.port))
    assert raised.value.error == "refused"


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://169.254.170.2/v2/credentials",
        "http://[fd00:ec2::254]/latest/meta-data",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "http://[64:ff9b::a9fe:a9fe]/latest/meta-data",
        "http://user:hunter2@127.0.0.1/",
    ],
)
async def test_metadata_and_passwords_are_refused_even_with_allow_private(target: str, http: Http) -> None:
    with pytest.raises(Reject, match="is refused") as raised:
        await http.request("GET", target)
    assert raised.value.error == "refused"
    assert "hunter2" not in raised.value.reason


def _resolving_to(*addresses: str) -> Callable[..., Awaitable[list[tuple[object, ...]]]]:
    async def getaddrinfo(_host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return getaddrinfo


async def test_a_name_is_judged_by_the_addresses_it_leads_to(
    server: TestServer, pool: HttpPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _resolving_to("127.0.0.1", "10.0.0.1"))
    with pytest.raises(Reject, match="not public; allow_private: true permits") as raised:
        await pool.client(timeout=5, max_size=100).request("GET", f"https://rebind.example:{server.port}/echo")
    assert raised.value.error == "refused"
    http = pool.client(timeout=5, max_size=MEGABYTE, allow_private=True)
    assert (await http.request("GET", f"http://rebind.example:{server.port}/echo")).status == 200


async def test_addresses_that_are_refused_are_left_out_of_a_name_that_has_others(
    server: TestServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _resolving_to("169.254.169.254", "127.0.0.1"))
    assert (await http.request("GET", f"http://mixed.example:{server.port}/echo")).status == 200


async def test_an_outage_of_a_name_that_also_has_a_refused_address_is_transient(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _resolving_to("127.0.0.1", "169.254.169.254"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Transient, match="Connection refused"):
            await http.request("GET", f"http://mixed.example:{unused.getsockname()[1]}/echo")


async def test_a_connection_opened_with_allow_private_is_not_lent_to_others(
    server: TestServer, pool: HttpPool, http: Http
) -> None:
    await http.request("GET", url(server, "/echo"))
    with pytest.raises(Reject, match="is refused"):
        await pool.client(timeout=5, max_size=100).request("GET", f"https://127.0.0.1:{server.port}/echo")


async def _redirected(server: TestServer, http: Http, to: str, method: str = "GET") -> HttpAnswer:
    return await http.request(
        method, url(server, f"/redirect?to={to}"), headers={"authorization": "hunter2", "X-Key": "k", "Accept": "a/b"}
    )


async def test_a_redirect_on_the_same_origin_keeps_the_headers(server: TestServer, http: Http) -> None:
    answer = await _redirected(server, http, "/echo")
    assert b"hunter2" in answer.body
    assert b'"x-key": "k"' in answer.body


async def test_a_redirect_to_another_origin_takes_no_secrets_along(server: TestServer, http: Http) -> None:
    answer = await _redirected(server, http, f"http://localhost:{server.port}/echo")
    assert answer.status == 200
    assert b"hunter2" not in answer.body
    assert b"x-key" not in answer.body
    assert b'"accept": "a/b"' in answer.body


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest",
        "ftp://h/",
        "mailto:a@b",
        "http://u:p@h/",
        "http://[::::]/",
        "https://[fd00:ec2::254]/",
    ],
)
async def test_a_redirect_is_guarded_like_the_first_request(to: str, server: TestServer, http: Http) -> None:
    with pytest.raises(Reject) as raised:
        await _redirected(server, http, to)
    assert raised.value.error == "refused"


async def test_a_fourth_redirect_is_refused(server: TestServer, http: Http) -> None:
    def around(times: int) -> str:
        to = "/echo"
        for _ in range(times - 1):
            to = "/redirect?to=" + to.replace("%", "%25").replace("?", "%3F").replace("=", "%3D")
        return to

    assert (await _redirected(server, http, around(3))).status == 200
    with pytest.raises(Reject, match="redirected more than 3 times"):
        await _redirected(server, http, around(4))


async def test_a_redirect_of_a_post_is_the_answer(server: TestServer, http: Http) -> None:
    assert (await _redirected(server, http, "/echo", method="POST")).status == 302


async def test_no_cookie_is_kept(server: TestServer, http: Http) -> None:
    for _ in range(2):
        assert (await http.request("GET", url(server, "/cookies"))).body == b"none"


async def test_the_environment_names_no_proxy(server: TestServer, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert (await http.request("GET", url(server, "/echo"))).status == 200


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nb: c"}, {"x": "a\0b"}, {"x": "a\nb"}, {"x\r\ny": "a"}, {"": "a"}, {"x": "\ud800"}]
)
async def test_a_header_with_control_characters_is_rejected(
    headers: dict[str, str], server: TestServer, http: Http
) -> None:
    with pytest.raises(Reject, match="header") as raised:
        await http.request("GET", url(server, "/echo"), headers=headers)
    assert raised.value.error == "invalid"


@pytest.mark.parametrize("tail", ["/a b", "/\r\nx-evil: 1", "/\0", "/ü"])
async def test_a_url_cannot_carry_a_second_request_line(tail: str, server: TestServer, http: Http) -> None:
    with pytest.raises(Reject, match="printable ASCII") as raised:
        await http.request("GET", url(server, tail))
    assert raised.value.reason.isprintable()
