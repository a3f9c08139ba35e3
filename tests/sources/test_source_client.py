"""The HTTP client of sources: bounds, redirects, credentials, and what its messages hold."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from tests.sources.file_server import serving

from edgeward.sources import source_client
from edgeward.sources.source_client import Credentials, Redirects, SourceClient
from edgeward.sources.source_failure import SourceFailed

LIMIT = 100_000
TOKEN = Credentials.bearer("hush-hush")


async def _fails(url: str, tmp_path: Path, credentials: Credentials | None = None) -> SourceFailed:
    async with SourceClient(url, tmp_path, credentials) as client:
        with pytest.raises(SourceFailed) as failure:
            await client.get(f"{url}/secret/path?key=hush-hush", LIMIT)
    text = str(failure.value)
    assert "secret" not in text and "hush" not in text
    return failure.value


async def test_a_body_in_memory_and_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are whole; that on the disk has no name."""
    content = bytes(range(256)) * 300

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=content, headers={"ETag": '"a"'})

    async with serving(answer) as server, SourceClient(server.url, tmp_path, TOKEN) as client:
        for memory in (LIMIT, 10):
            monkeypatch.setattr(source_client, "MEMORY_BYTES", memory)
            found = await client.get(f"{server.url}/a", LIMIT)
            assert (found.headers["etag"], found.size, found.read()) == ('"a"', len(content), content)
        assert server.headers["Authorization"] == "Bearer hush-hush"
    assert [*tmp_path.iterdir()] == []


async def test_what_fails_is_said(tmp_path: Path) -> None:
    """A refused credential names its setting; a pause that is asked for is kept; too long and incomplete bodies."""
    status, headers, body = 401, {"Retry-After": "7"}, b"x" * 10

    async def answer(request: web.Request) -> web.StreamResponse:
        if status:
            return web.Response(status=status, headers=headers, body=body)
        cut = web.StreamResponse(headers={"Content-Length": "99"})
        await cut.prepare(request)
        await cut.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return cut

    async with serving(answer) as server:
        assert "answers 401: it refuses token" in str(await _fails(server.url, tmp_path, TOKEN))
        assert "the settings have none" in str(await _fails(server.url, tmp_path))
        status = 503
        failure = await _fails(server.url, tmp_path)
        assert (failure.retry_after, "answers 503" in str(failure)) == (7.0, True)
        status = 206
        assert "a part of the file, and nobody asked for one" in str(await _fails(server.url, tmp_path))
        status, body = 200, b"x" * (LIMIT + 1)
        assert "more than 100,000 bytes" in str(await _fails(server.url, tmp_path))
        status = 0
        assert "can't be read" in str(await _fails(server.url, tmp_path))
    assert "connection refused" in str(await _fails(server.url, tmp_path)).lower()


async def test_a_silent_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up."""
    monkeypatch.setattr(source_client, "SILENT_SECONDS", 0.05)
    ended = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    async with serving(answer) as server:
        assert "silent" in str(await _fails(server.url, tmp_path))
        ended.set()


@pytest.mark.parametrize(("redirects", "follows"), [("none", 0), ("same_origin", 1), ("https", 1)])
async def test_redirects(tmp_path: Path, redirects: Redirects, follows: int) -> None:
    """They are followed within the server, if at all; to another one only over https; never in a circle."""

    async def other(_: web.Request) -> web.Response:
        raise AssertionError("never asked")

    async def answer(request: web.Request) -> web.Response:
        places = {"/a": "/b", "/out": f"{elsewhere.url}/", "/round": "/round"}
        if place := places.get(request.path):
            return web.Response(status=302, headers={"Location": place})
        return web.Response(body=b"there")

    async with serving(other) as elsewhere, serving(answer) as server:
        async with SourceClient(server.url, tmp_path, TOKEN, redirects) as client:
            if follows:
                assert (await client.get(f"{server.url}/a", LIMIT)).read() == b"there"
                with pytest.raises(SourceFailed, match="more than 5 redirects"):
                    await client.get(f"{server.url}/round", LIMIT)
            for path in ("/out", *(() if follows else ("/a",))):
                with pytest.raises(SourceFailed, match=f"redirects to .*'{redirects}' does not allow"):
                    await client.get(server.url + path, LIMIT)
        assert elsewhere.requests == []


async def test_credentials_go_to_their_server_alone(tmp_path: Path) -> None:
    """Not to one that a page of it, or a redirect, names: another port is another server."""

    given: dict[int, str | None] = {}

    async def answer(request: web.Request) -> web.Response:
        given[request.url.port or 0] = request.headers.get("Authorization")
        return web.Response(body=b"there")

    async with serving(answer) as other, serving(answer) as server:
        async with SourceClient(server.url, tmp_path, TOKEN, "https") as client:
            for each in (server, other):
                (await client.get(f"{each.url}/a", LIMIT)).read()
        ports = [int(each.url.rpartition(":")[2]) for each in (server, other)]
    assert given == {ports[0]: "Bearer hush-hush", ports[1]: None}
