"""All pages of a programme, as one file: pauses, slices, clocks, gaps."""

import hashlib
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.sources.exchanges.programmes import NOW, exchange, hashes
from tests.sources.file_server import serving
from tests.sources.sources_of_tests import listed, looked_until, running_source

from edgeward.sources.exchanges import exchange_fetcher
from edgeward.sources.exchanges.exchange_fetcher import merged
from edgeward.sources.source_failure import SourceFailed
from edgeward.sources.source_states import PullRequest, SourceStates
from edgeward.sources.source_worker import SourceWorker
from edgeward.store.connection import Store


def _page(numbers: range, token: str = "", **more: Any) -> web.Response:
    values = {each: hashlib.sha256(bytes([each])).hexdigest() for each in numbers}
    records = [
        {"lastModtimestamp": int(NOW) - 100 + each, "signalType": "ImagePDQ", "hashValue": value}
        for each, value in values.items()
    ]
    page = {"hashRecords": records, "nextPageToken": token, "hasMoreRecords": bool(token), "nextSetTimestamp": 0}
    return web.json_response({**page, **more})


async def test_a_pause_that_is_asked_for(tmp_path: Path) -> None:
    """A short one is waited for; a long one ends the pull, which says how long."""
    pauses = ["0", "0"]

    async def answer(_: web.Request) -> web.Response:
        if pauses:
            return web.Response(status=429 if len(pauses) > 1 else 503, headers={"Retry-After": pauses.pop()})
        return _page(range(2))

    async with serving(answer) as server:
        assert len(hashes(await exchange(server, "stopncii", tmp_path).fetch({}))) == 2
        pauses.append("900")
        with pytest.raises(SourceFailed) as failure:
            await exchange(server, "stopncii", tmp_path).fetch({})
        assert failure.value.retry_after == 900.0


async def test_a_long_pull_is_sliced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is imported, and the next pull goes on there; so it is if the server fails meanwhile."""
    monkeypatch.setattr(exchange_fetcher, "SLICE_PAGES", 2)
    away = [False]

    async def answer(request: web.Request) -> web.Response:
        number = int(request.query.get("nextPageToken", "0"))
        if number == 1 and away[0]:
            return web.Response(status=500)
        return _page(range(number, number + 1), str(number + 1) if number < 5 else "")

    async with serving(answer) as server:
        found = await exchange(server, "stopncii", tmp_path).fetch({})
        assert (len(hashes(found)), found.more, found.whole) == (2, True, False)
        assert found.checkpoint["until"] == NOW - 99
        away[0] = True
        found = await exchange(server, "stopncii", tmp_path).fetch({})
        assert (len(hashes(found)), found.checkpoint["until"]) == (1, NOW - 100)
        assert "stopped before the end" in found.problems[0] and "answers 500" in found.problems[0]


async def test_a_server_whose_clock_is_behind(tmp_path: Path) -> None:
    """What it has not seen yet is asked for again."""
    behind = NOW - 7200

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"data": []}, headers={"Date": formatdate(behind, usegmt=True)})

    async with serving(answer) as server:
        found = await exchange(server, "threatexchange", tmp_path).fetch({"until": NOW - 9000})
        assert (found.file, found.checkpoint["until"]) == (None, behind)


def test_gaps_that_touch_are_one() -> None:
    """In their order."""
    assert merged([(5.0, 6.0), (1.0, 3.0), (2.0, 4.0), (4.0, 4.5)]) == [(1.0, 4.5), (5.0, 6.0)]


async def test_an_exchange_fills_its_list(store: Store, tmp_path: Path) -> None:
    """A pull is an import of its list; a bad record is named and left out; a deletion is honoured by the next pull."""
    deleted = [False]
    good, bad = hashlib.sha256(b"").hexdigest(), "not a hash"

    async def answer(_: web.Request) -> web.Response:
        at = int(time.time()) + (5 if deleted[0] else 0)
        status = "Deleted" if deleted[0] else "Active"
        records = [
            {"lastModtimestamp": at, "signalType": "ImagePDQ", "hashValue": value, "hashStatus": status}
            for value in (good, bad)
        ]
        return web.json_response({"hashRecords": records, "hasMoreRecords": False, "nextSetTimestamp": at})

    async with serving(answer) as server:
        table = {"name": "ncii", "type": "stopncii", "list": "a", "url": server.url}
        table |= {"subscription_key": "s", "function_key": "f"}
        async with running_source(store, tmp_path, exchanges=[table]) as services:
            worker = SourceWorker(services, "one")
            found = await looked_until(services, worker, lambda each: each.state.last_job, "the first pull")
            assert (await listed(services), found.kind, found.state.bad) == ({good}, "stopncii", 1)
            assert "record 2 left out" in found.state.problems[0]
            deleted[0] = True
            first = found.state.last_job
            await SourceStates(store).ask("ncii", PullRequest("ana"))
            await looked_until(services, worker, lambda each: each.state.last_job != first, "the second pull")
            assert await listed(services) == set()
