"""Whether the upstream is up: by what it has answered, else it is asked."""

import asyncio
import time

import pytest
from tests.proxy.conftest import Upstream
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.proxy import upstream_contact
from edgeward.proxy.refetch import Refetcher
from edgeward.proxy.upstream_contact import UpstreamContact


async def test_an_upstream_that_has_answered_is_not_asked() -> None:
    """What it answered to anybody counts, if that was late enough."""
    async with Upstream().running() as upstream:
        contact = UpstreamContact(Refetcher(f"http://{upstream.address}", 1000))
        before = time.monotonic()
        contact.answered()
        assert await contact.is_up_since(before, "img.test")
        assert upstream.seen == []


async def test_it_is_asked_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a request that a cache answers by itself, at the host; any status shows that it is up."""
    async with Upstream().running() as upstream:
        contact = UpstreamContact(Refetcher(f"http://{upstream.address}", 1000))
        upstream.hold.clear()
        now = time.monotonic()
        asking = [asyncio.create_task(contact.is_up_since(now, "img.test")) for _ in range(3)]
        await eventually(lambda: upstream.seen)
        upstream.hold.set()
        assert await asyncio.gather(*asking) == [True] * 3
        (head,) = upstream.seen
        assert b"cache-control: only-if-cached" in head.lower() and b"host: img.test" in head.lower()
        await contact.close()


async def test_an_upstream_that_stands_still_or_is_gone_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is no answer. Nor is a defect here, which is counted."""
    monkeypatch.setattr(upstream_contact, "CONTACT_SECONDS", 0.1)
    async with Upstream().running() as upstream:
        refetcher = Refetcher(f"http://{upstream.address}", 1000)
        contact = UpstreamContact(refetcher)
        upstream.hold.clear()
        assert not await contact.is_up_since(time.monotonic(), "img.test")
        upstream.hold.set()
    assert not await UpstreamContact(Refetcher("http://127.0.0.1:1", 1)).is_up_since(time.monotonic(), "img.test")
    monkeypatch.setattr(refetcher, "fetch", None)
    name, labels = "edgeward_gate_errors_total", {"hook": "unjudged_requests"}
    before = metrics.registry.get_sample_value(name, labels) or 0
    assert not await contact.is_up_since(time.monotonic(), "img.test")
    assert metrics.registry.get_sample_value(name, labels) == before + 1
