"""The client of HTTP APIs, against servers that misbehave."""

import asyncio
import gzip

import pytest
from tests.takedown.caches.fakes import Asked, fake, said

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.api import MAX_BODY, MAX_SAID, Api, Reply, Unwritable


async def test_what_is_asked_and_answered() -> None:
    """Method, path and query byte for byte, headers and body go out; status, body and Retry-After come back."""
    async with fake(lambda _: said(201, {"a": 1}, Retry_After="7")) as server:
        api = Api(f"{server.url}/v1", 10)
        reply = await api.ask("PURGE", "/a%2Fb?u=http%3A%2F%2Fx%3f", {"X-Key": "k"}, b"body")
        await api.close()
    assert (reply.status, reply.fields, reply.retry_after) == (201, {"a": 1}, 7.0)
    asked = server.asked[0]
    assert (asked.method, asked.target, asked.body) == ("PURGE", "/v1/a%2Fb?u=http%3A%2F%2Fx%3f", b"body")
    assert asked.headers["x-key"] == "k"
    assert asked.headers["accept-encoding"] == "identity"


async def test_only_the_api_is_talked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a redirect nor a proxy of the environment leads anywhere else, and no cookie is kept."""
    async with fake(lambda _: said(200)) as elsewhere:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        async with fake(lambda _: said(307, Location=elsewhere.url, Set_Cookie="a=b")) as server:
            api = Api(server.url, 10)
            assert [(await api.ask("POST", "/", {}, b"x")).status for _ in range(2)] == [307, 307]
            await api.close()
    assert not elsewhere.asked
    assert "cookie" not in server.asked[1].headers


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
    """Whatever is no whole HTTP answer, and whatever never ends, says that the API is away; nothing else is raised."""
    async with fake(lambda _: answer) as server:
        api = Api(server.url, 0.3)
        with pytest.raises(CacheUnavailable):
            await api.ask("GET", "/")
        await api.close()


async def test_a_dripping_answer_ends_with_the_timeout() -> None:
    """The timeout is for the whole call, however steadily a little comes."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    api = Api(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 0.3)
    async with asyncio.timeout(60):
        with pytest.raises(CacheUnavailable, match=r"within 0\.3 s"):
            await api.ask("GET", "/")
    await api.close()
    server.close()
    server.close_clients()


async def test_a_huge_answer_is_cut() -> None:
    """Of a body only the beginning is read."""
    async with fake(lambda _: said(200, b"x" * 10_000_000)) as server:
        api = Api(server.url, 10)
        assert len((await api.ask("GET", "/")).body) == MAX_BODY
        await api.close()


async def test_nothing_is_unpacked() -> None:
    """A coded body that was not asked for stays as it is: a small one could unfold into a very large one."""
    coded = gzip.compress(b"x" * 1_000_000)
    async with fake(lambda _: said(200, coded, Content_Encoding="gzip")) as server:
        api = Api(server.url, 10)
        assert (await api.ask("GET", "/")).body == coded
        await api.close()


async def test_nobody_there() -> None:
    """A refused connection says that the API is away, without the secrets."""
    async with fake(lambda _: said(200)) as server:
        api = Api(server.url, 10, ["127.0.0.1"])
    with pytest.raises(CacheUnavailable) as refused:
        await api.ask("GET", "/")
    assert "127.0.0.1" not in str(refused.value)
    assert "***" in str(refused.value)
    await api.close()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\x00b"])
async def test_a_header_is_never_broken(value: str) -> None:
    """A value with a line break is not sent, and not told either."""
    async with fake(lambda _: said(200)) as server:
        api = Api(server.url, 10)
        with pytest.raises(Unwritable) as unwritable:
            await api.ask("GET", "/", {"X-Key": value})
        await api.close()
    assert not server.asked
    assert "Evil" not in str(unwritable.value)


def test_secrets_are_hidden() -> None:
    """No secret is left in a message, whether given at first or later; messages are short and printable."""
    api = Api("http://x", 1, ["token-1", "token-12", ""])
    api.keep_secret("bearer")
    assert api.hidden("token-12 token-1\r\n bearer \x1b[31m") == "*** ***  ***  [31m"
    assert len(api.hidden("a" * 1000)) == MAX_SAID


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff", b"[" * 60_000, b'{"a":'])
def test_no_json_object_has_no_fields(body: bytes) -> None:
    """A body that is not a JSON object is as good as an empty one."""
    assert Reply(200, body).fields == {}


async def test_calls_side_by_side() -> None:
    """Several calls may be under way at once."""

    def answer(asked: Asked) -> bytes:
        return said(200, {"path": asked.target})

    async with fake(answer) as server:
        api = Api(server.url, 10)
        replies = await asyncio.gather(*(api.ask("GET", f"/{number}") for number in range(20)))
        await api.close()
    assert [reply.fields["path"] for reply in replies] == [f"/{number}" for number in range(20)]
