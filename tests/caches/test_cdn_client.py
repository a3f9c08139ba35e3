"""The client of HTTP APIs, against servers that misbehave."""

import asyncio
import gzip

import aiohttp
import pytest
from tests.caches.cdn_server import ApiRequest, api_server, response

from edgeward.caches.cdn_client import MAX_BODY_BYTES, MAX_DETAIL_CHARS, CdnClient, CdnResponse, HeaderError
from edgeward.errors import CacheUnavailable


async def test_request_and_response() -> None:
    """Method, headers and body are sent, path and query byte for byte; status, body and Retry-After are returned."""
    async with api_server(lambda _: response(201, {"a": 1}, Retry_After="7")) as server:
        api = CdnClient(f"{server.url}/v1", 10)
        reply = await api.ask("PURGE", "/a%2Fb?u=http%3A%2F%2Fx%3f", {"X-Key": "k"}, b"body")
        await api.close()
    assert (reply.status, reply.fields, reply.retry_after) == (201, {"a": 1}, 7.0)
    request = server.requests[0]
    assert (request.method, request.target, request.body) == ("PURGE", "/v1/a%2Fb?u=http%3A%2F%2Fx%3f", b"body")
    assert request.headers["x-key"] == "k"
    assert request.headers["accept-encoding"] == "identity"


async def test_it_talks_to_the_api_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects and proxies of the environment are not followed, and cookies are not stored."""
    async with api_server(lambda _: response(200)) as elsewhere:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        async with api_server(lambda _: response(307, Location=elsewhere.url, Set_Cookie="a=b")) as server:
            api = CdnClient(server.url, 10)
            assert [(await api.ask("POST", "/", {}, b"x")).status for _ in range(2)] == [307, 307]
            await api.close()
    assert not elsewhere.requests
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
)
async def test_no_http_is_unavailable(answer: bytes) -> None:
    """An incomplete or endless response, and garbage, raise CacheUnavailable and nothing else."""
    async with api_server(lambda _: answer) as server:
        api = CdnClient(server.url, 0.3)
        with pytest.raises(CacheUnavailable):
            await api.ask("GET", "/")
        await api.close()


async def test_a_slow_response_ends_with_the_timeout() -> None:
    """The timeout covers the whole call, even when a few bytes keep arriving."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    api = CdnClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 0.3)
    async with asyncio.timeout(60):
        with pytest.raises(CacheUnavailable, match=r"within 0\.3 s"):
            await api.ask("GET", "/")
    await api.close()
    server.close()
    server.close_clients()


async def test_a_huge_response_is_cut() -> None:
    """Only the beginning of a long body is read."""
    async with api_server(lambda _: response(200, b"x" * 10_000_000)) as server:
        api = CdnClient(server.url, 10)
        assert len((await api.ask("GET", "/")).body) == MAX_BODY_BYTES
        await api.close()


async def test_nothing_is_decompressed() -> None:
    """A compressed body is not decompressed: a small one could expand into a very large one."""
    coded = gzip.compress(b"x" * 1_000_000)
    async with api_server(lambda _: response(200, coded, Content_Encoding="gzip")) as server:
        api = CdnClient(server.url, 10)
        assert (await api.ask("GET", "/")).body == coded
        await api.close()


async def test_a_refused_connection() -> None:
    """A refused connection raises CacheUnavailable, in plain words."""
    async with api_server(lambda _: response(200)) as server:
        api = CdnClient(server.url, 10, ["127.0.0.1"])
    with pytest.raises(CacheUnavailable, match=r"^connection refused$"):
        await api.ask("GET", "/")
    await api.close()


async def test_an_error_with_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error whose message has a secret raises CacheUnavailable without it."""

    async def fail(*_: object) -> None:
        raise aiohttp.ClientError("can't connect to 127.0.0.1")

    monkeypatch.setattr(CdnClient, "_ask", fail)
    with pytest.raises(CacheUnavailable, match=r"^ClientError: can't connect to \*\*\*$"):
        await CdnClient("http://127.0.0.1:1", 10, ["127.0.0.1"]).ask("GET", "/")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\x00b"])
async def test_a_header_is_never_broken(value: str) -> None:
    """A value with a line break is neither sent nor quoted."""
    async with api_server(lambda _: response(200)) as server:
        api = CdnClient(server.url, 10)
        with pytest.raises(HeaderError) as raised:
            await api.ask("GET", "/", {"X-Key": value})
        await api.close()
    assert not server.requests
    assert "Evil" not in str(raised.value)


def test_secrets_are_redacted() -> None:
    """Messages contain no secret, whether it was given at first or later; they are short and printable."""
    api = CdnClient("http://x", 1, ["token-1", "token-12", ""])
    api.add_secrets("bearer")
    assert api.redacted("token-12 token-1\r\n bearer \x1b[31m") == "*** ***  ***  [31m"
    assert len(api.redacted("a" * 1000)) == MAX_DETAIL_CHARS


def test_a_text_that_is_no_credential_garbles_no_message() -> None:
    """A token of a few characters is a mistake, which the message should make plain."""
    api = CdnClient("http://127.0.0.1:1", 1.0, ["t", ""])
    api.add_secrets("con")
    assert api.redacted("connection refused") == "connection refused"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff", b"[" * 60_000, b'{"a":'])
def test_no_json_object_has_no_fields(body: bytes) -> None:
    """A body that is not a JSON object has no fields."""
    assert CdnResponse(200, body).fields == {}


async def test_concurrent_calls() -> None:
    """Several calls may be under way at once."""

    def answer(request: ApiRequest) -> bytes:
        return response(200, {"path": request.target})

    async with api_server(answer) as server:
        api = CdnClient(server.url, 10)
        replies = await asyncio.gather(*(api.ask("GET", f"/{number}") for number in range(20)))
        await api.close()
    assert [reply.fields["path"] for reply in replies] == [f"/{number}" for number in range(20)]
