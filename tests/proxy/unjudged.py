"""Requests whose response was not judged: made by tests, and what became of them."""

import asyncio

import pytest
from mitmproxy import http
from tests.proxy.conftest import Worker
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy.refetch import FullResponse, RefetchFailed
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.types import Cause, Target

IMAGE = ("Content-Type: image/jpeg",)


async def seen(worker: Worker) -> list[Target]:
    sightings = Sightings(worker.store, SightingsSettings())
    return [target for target, _ in await sightings.targets(sha256(jpeg()).value)]


def unjudged(worker: Worker) -> UnjudgedRequests:
    return worker.runtime.gate.unjudged_requests


async def hang_up(worker: Worker, path: str, *headers: str) -> None:
    """Send a request, hang up as soon as the upstream, which holds its response, has it; wait until that is noticed."""
    before = len(worker.upstream.seen)
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", "Host: img.test", *headers, "", ""]).encode("latin-1"))
    await eventually(lambda: len(worker.upstream.seen) > before)
    writer.close()
    await eventually(lambda: len(unjudged(worker)))


def slow_fetches(worker: Worker, monkeypatch: pytest.MonkeyPatch, *, ends: bool = True) -> set[str]:
    """Requests of paths that begin with /slow get no answer: in the time that they may take, or never if not `ends`.

    Returns the paths that were sent so far.
    """
    refetcher, sent = unjudged(worker)._repeater._refetcher, set[str]()
    fetch = refetcher.fetch

    async def slow(request: http.Request, answer_seconds: float) -> FullResponse:
        if not request.path.startswith("/slow"):
            return await fetch(request, answer_seconds)
        sent.add(request.path)
        await (asyncio.sleep(answer_seconds) if ends else asyncio.Event().wait())
        raise RefetchFailed("no answer")

    monkeypatch.setattr(refetcher, "fetch", slow)
    return sent


def add(worker: Worker, path: str, host: str = "img.test", headers: str = "") -> None:
    """A request whose response was not judged. `headers`: lines of its record besides."""
    here = unjudged(worker)
    here.retry(here.journal.begin(f"http\r\n{path}\r\nhost: {host}{headers}".encode()))


async def purged(worker: Worker) -> list[str]:
    """URLs of the purges that were ordered since nobody could judge a response."""
    orders = [order for order, _ in await Orders(worker.store).recent(1000)]
    return sorted(order.target.url for order in orders if order.cause is Cause.UNJUDGED)
