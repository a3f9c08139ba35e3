"""Meta's ThreatExchange."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.sources.exchanges.programmes import NOW, exchange, hashes
from tests.sources.file_server import serving

from edgeward.sources.source_failure import SourceFailed

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def _row(number: int, **more: Any) -> dict[str, Any]:
    descriptor = {"id": "1", "owner": {"id": "2"}, "status": "MALICIOUS", "tags": {"data": [{"text": "t"}]}}
    return {
        "id": str(number),
        "indicator": f"{number + 1:032x}",
        "type": "HASH_MD5",
        "last_updated": int(NOW) - 50,
        "descriptors": {"data": [descriptor]},
        **more,
    }


async def test_updates_and_deletions(tmp_path: Path) -> None:
    """All pages by their links; what is deleted is withdrawn, also where an older row of it follows."""

    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/7/threat_updates/"
        if "after" in request.query:
            return web.json_response({"data": [_row(0), _row(1)]})
        gone = _row(0, should_delete=True, last_updated=int(NOW) - 10)
        link = f"{server.url}/7/threat_updates/?access_token=hush-hush&after=x"
        return web.json_response({"data": [gone], "paging": {"next": link}})

    async with serving(answer) as server:
        found = await exchange(server, "threatexchange", tmp_path).fetch({"until": NOW - 100})
        assert hashes(found) == {f"{1:032x}": True, f"{2:032x}": False}
        assert "hush" not in str(found.checkpoint)


async def test_a_refused_token_is_not_repeated(tmp_path: Path) -> None:
    """The message names the key, and nothing of the query."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error": {"type": "OAuthException", "code": 190}}, status=400)

    async with serving(answer) as server:
        with pytest.raises(SourceFailed, match="answers 400: it may refuse token or privacy_group") as failure:
            await exchange(server, "threatexchange", tmp_path).fetch({})
        assert "hush" not in str(failure.value)
