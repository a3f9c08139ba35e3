"""Requests that are sent again, and whose bodies come slowly."""

import asyncio

import pytest
from mitmproxy import http
from tests.proxy.conftest import Worker
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy import retry_places, slow_bodies, unjudged_requests
from edgeward.proxy.refetch import FullResponse
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings


@pytest.fixture
def end(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Responses end when it is set. Until then their bodies arrive, for longer than a request is else sent again."""
    monkeypatch.setattr(slow_bodies, "FETCH_SECONDS", 0.1)
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 1.0)
    refetcher, end = unjudged(worker)._repeater._refetcher, asyncio.Event()
    fetch = refetcher.fetch

    async def slow(request: http.Request, answer_seconds: float) -> FullResponse:
        await end.wait()
        return await fetch(request, answer_seconds)

    monkeypatch.setattr(refetcher, "fetch", slow)
    return end


def unjudged(worker: Worker) -> UnjudgedRequests:
    return worker.runtime.gate.unjudged_requests


def add(worker: Worker, path: str) -> None:
    """A request whose response was not judged."""
    here = unjudged(worker)
    here.retry(here.journal.begin(f"http\r\n{path}\r\nhost: img.test".encode()))


async def seen(worker: Worker) -> int:
    sightings = Sightings(worker.store, SightingsSettings())
    return len(await sightings.targets(sha256(jpeg()).value))


async def purged(worker: Worker) -> list[str]:
    return [order.target.path for order, _ in await Orders(worker.store).recent()]


async def test_a_slow_body_is_judged_when_it_ends(
    worker: Worker, end: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an upstream still sends the body, the request stays unjudged: it is neither given up nor purged. Others
    get its place."""
    monkeypatch.setattr(retry_places, "MAX_FETCHES", 2)
    monkeypatch.setattr(unjudged_requests, "GIVE_UP_SECONDS", 600.0)
    for number in range(3):
        worker.upstream.put(f"/{number}", jpeg(), "Content-Type: image/jpeg")
        add(worker, f"/{number}")
    await eventually(lambda: len(unjudged(worker)._slow_bodies) == 3)
    for waiting in unjudged(worker)._waiting.values():
        waiting.give_up_at = 0.0
    for _ in range(2):
        await unjudged(worker)._retry_due()
    assert unjudged(worker).open_count == 3
    end.set()

    async def all_seen() -> bool:
        return await seen(worker) == 3

    await eventually(all_seen)
    await eventually(lambda: unjudged(worker).open_count == 0)
    assert len(unjudged(worker)._slow_bodies) == 0
    assert await purged(worker) == []


async def test_slow_bodies_are_limited(worker: Worker, end: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may be read is not read on: its target is purged."""
    monkeypatch.setattr(slow_bodies, "MAX_SLOW_BODIES", 1)
    add(worker, "/read")
    await eventually(lambda: len(unjudged(worker)._slow_bodies) == 1)
    add(worker, "/purged")

    async def is_purged() -> bool:
        return await purged(worker) == ["/purged"]

    await eventually(is_purged)
    assert len(unjudged(worker)) == 1
    assert unjudged(worker)._slow_bodies.late_count == 1


async def test_what_nobody_answered_in_time_is_judged_late(
    worker: Worker, end: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target is purged when the time is up, and a response that comes after that is judged and recorded. So many
    are waited for, and half as many of one host."""
    monkeypatch.setattr(slow_bodies, "MAX_SLOW_BODIES", 0)
    monkeypatch.setattr(unjudged(worker)._slow_bodies, "_max_late", 4)
    for number in range(3):
        worker.upstream.put(f"/{number}", jpeg(), "Content-Type: image/jpeg")
        add(worker, f"/{number}")
    await eventually(lambda: unjudged(worker).open_count == 0)
    assert sorted(await purged(worker)) == ["/0", "/1", "/2"]
    assert unjudged(worker)._slow_bodies.late_count == 2
    end.set()

    async def late_seen() -> bool:
        return await seen(worker) == 2

    await eventually(late_seen)
