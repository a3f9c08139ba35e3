"""Tech Against Terrorism's hash list."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.sources.exchanges.programmes import NOW, exchange, hashes
from tests.sources.file_server import serving

from edgeward.sources.source_failure import SourceFailed


def _record(number: int, deleted: bool = False) -> dict[str, Any]:
    return {
        "id": number,
        "hash_digest": f"{number + 1:032x}",
        "algorithm": "MD5",
        "ideology": "far-right",
        "file_type": "jpg",
        "deleted": deleted,
        "updated_on": NOW - 50 + number,
        "created_on": "2026-01-01",
    }


async def test_pages_after_a_mark(tmp_path: Path) -> None:
    """It logs in once, reads all pages, and begins at the programme's own mark the next time."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            form = await request.post()
            assert (request.path, form["username"], form["password"]) == ("/token-auth/tcap/", "u", "p")
            return web.json_response({"user": {}, "token": "jwt"})
        assert request.headers["Authorization"] == "Bearer jwt"
        if "offset" in request.query:
            return web.json_response({"count": 3, "next": None, "checkpoint": "9,2", "results": [_record(2, True)]})
        results = [_record(0), _record(1)] if not request.query["after"] else []
        following = f"{server.url}/api/hash-list/v2/all?limit=2&offset=2" if results else None
        return web.json_response({"count": 3, "next": following, "checkpoint": "8,1", "results": results})

    async with serving(answer) as server:
        found = await exchange(server, "tat", tmp_path).fetch({})
        assert hashes(found) == {f"{1:032x}": False, f"{2:032x}": False, f"{3:032x}": True}
        assert (found.checkpoint["mark"], len(server.requests)) == ("9,2", 3)
        later = await exchange(server, "tat", tmp_path).fetch(found.checkpoint)
        assert later.file is None and "after=9%2C2" in server.requests[-1][1]


async def test_a_refused_log_in(tmp_path: Path) -> None:
    """The message names the keys."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error": "no"}, status=400)

    async with serving(answer) as server:
        with pytest.raises(SourceFailed, match="it may refuse username and password"):
            await exchange(server, "tat", tmp_path).fetch({})
