"""One file at a path or a URL: whole, checked, and told from the one before."""

import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.sources.file_server import serving
from tests.sources.minisign import Minisign

from edgeward.settings.source_settings import ListSourceSettings
from edgeward.sources.list_files import Fetched, ListFile
from edgeward.sources.source_failure import SourceFailed


def _file(location: str | Path, directory: Path, **more: Any) -> ListFile:
    settings = ListSourceSettings.model_validate({"name": "s", "list": "a", "location": str(location), **more})
    return ListFile(settings, directory)


def _content(fetched: Fetched) -> bytes:
    assert fetched.file is not None
    with fetched.file as file:
        return file.read()


async def test_a_path_is_read_once(tmp_path: Path) -> None:
    """Not again unless it changes; a file that was only touched is not new. Other settings read it anew."""
    path = tmp_path / "list.txt"
    path.write_bytes(b"one")
    found = await _file(path, tmp_path).fetch({})
    assert _content(found) == b"one"
    assert (await _file(path, tmp_path).fetch(found.checkpoint)).file is None
    os.utime(path, (1, 1))
    touched = await _file(path, tmp_path).fetch(found.checkpoint)
    assert touched.file is None and touched.checkpoint != found.checkpoint
    assert _content(await _file(path, tmp_path, sync=False).fetch(found.checkpoint)) == b"one"
    path.write_bytes(b"two")
    assert _content(await _file(path, tmp_path).fetch(touched.checkpoint)) == b"two"


async def test_what_is_no_file(tmp_path: Path) -> None:
    """Missing, a directory, a FIFO that nobody writes to, too large: each is named, and none is waited for."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * 2000)
    for name, why in (
        ("missing", "No such file"),
        ("", "is not a file"),
        ("fifo", "is not a file"),
        ("large", "more than 1,024 bytes"),
    ):
        with pytest.raises(SourceFailed, match=why):
            await _file(tmp_path / name, tmp_path, max_bytes=1024).fetch({})


async def test_a_url_is_asked_for_what_is_new(tmp_path: Path) -> None:
    """By the ETag and the time of the last answer; one without both is told by its content."""
    validators, content = True, b"one"

    async def answer(request: web.Request) -> web.Response:
        if not validators:
            return web.Response(body=content)
        if request.headers.get("If-None-Match") == '"1"' and request.headers.get("If-Modified-Since") == "Mon":
            return web.Response(status=304)
        return web.Response(body=content, headers={"ETag": '"1"', "Last-Modified": "Mon"})

    async with serving(answer) as server:
        file = _file(f"{server.url}/list", tmp_path, username="u", password="p")
        found = await file.fetch({})
        assert _content(found) == b"one"
        assert (await file.fetch(found.checkpoint)).file is None
        assert server.headers["Authorization"] == "Basic dTpw"
        validators = False
        assert (await file.fetch(found.checkpoint)).file is None
        content = b"two"
        assert _content(await file.fetch(found.checkpoint)) == b"two"


async def test_checksum_and_signature(tmp_path: Path) -> None:
    """Both are fetched beside the file, by path or URL; a file that does not fit is refused."""
    key, path = Minisign(), tmp_path / "list.txt"
    path.write_bytes(b"one")
    signed: dict[str, Any] = {"public_key": key.public_key, "checksum": str(tmp_path / "SHA256SUMS")}
    (tmp_path / "list.txt.minisig").write_bytes(key.sign(b"one"))
    (tmp_path / "SHA256SUMS").write_text("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  list.txt\n")
    assert _content(await _file(path, tmp_path, **signed).fetch({})) == b"one"
    (tmp_path / "list.txt.minisig").write_bytes(key.sign(b"two"))
    with pytest.raises(SourceFailed, match="signature does not fit"):
        await _file(path, tmp_path, **signed).fetch({})
    path.write_bytes(b"two")
    with pytest.raises(SourceFailed, match="SHA-256 is not"):
        await _file(path, tmp_path, **signed).fetch({})

    async def answer(request: web.Request) -> web.Response:
        found = tmp_path / request.path.removeprefix("/")
        return web.Response(body=found.read_bytes()) if found.exists() else web.Response(status=404)

    async with serving(answer) as server:
        url = f"{server.url}/list.txt"
        assert _content(await _file(url, tmp_path, public_key=key.public_key).fetch({})) == b"two"
        (tmp_path / "list.txt.minisig").unlink()
        with pytest.raises(SourceFailed, match="answers 404"):
            await _file(url, tmp_path, public_key=key.public_key).fetch({})
