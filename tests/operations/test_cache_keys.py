"""What is known of the keys of caches changes what orders say, also those that are done."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.services import CACHES, carry_out, running_services

from edgeward.operations import cache_keys, purges, store, takedowns
from edgeward.operations.order_totals import add_up
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.purging import key_mismatches
from edgeward.purging.key_records import KeyMismatch
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, PurgeOrder, Target
from edgeward.types.outcome_words import ReceiptState

URL = Target("http", "img.test", "/a.jpg")
BY_COOKIE = KeyMismatch(("cookie",), "a copy for another cookie is left", "use Vary", "check")


@pytest.fixture
async def services(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Services]:
    monkeypatch.setattr(key_mismatches, "RECENT_SECONDS", -1.0)  # what was just read is read again
    async with running_services(store, tmp_path) as running:
        yield running


async def shown(services: Services, order_id: str) -> tuple[ReceiptState, Delivery, str]:
    """The state of a receipt with this order, and what the order says of the first cache."""
    summary = (await add_up(services, [order_id])).summary(complete=True)
    outcome = (await purges.get(services, order_id)).outcomes["inner"]
    return summary.state, outcome.delivery, outcome.detail


async def test_what_was_purged_under_another_key_stays_in_doubt(services: Services) -> None:
    """Once it is found, while it is so, and after the key is mended: until the cache is emptied, by one who says so."""
    keys = services.orders.key_mismatches
    (order_id,) = await services.orders.place([PurgeOrder(URL, Cause.MANUAL, services.store.clock.now())])
    await carry_out(services)
    assert await shown(services, order_id) == (ReceiptState.GONE, Delivery.VERIFIED, "")
    in_doubt = (ReceiptState.UNKNOWN, Delivery.DELIVERED, f"does not match this cache's key: {BY_COOKIE.detail}")
    await keys.note("inner", BY_COOKIE)
    assert await shown(services, order_id) == in_doubt
    await keys.clear("inner")
    assert await shown(services, order_id) == in_doubt
    assert not await cache_keys.emptied(services, "none-such", "ana", "")
    assert await cache_keys.emptied(services, "inner", "ana", "restarted")
    assert await shown(services, order_id) == (ReceiptState.GONE, Delivery.VERIFIED, "")
    (line,) = await services.audit_trail.latest(1)
    assert (line.op, line.who, line.why, line.about["cache"]) == (cache_keys.EMPTIED, "ana", "restarted", "inner")


async def test_that_every_cache_was_emptied_ends_the_doubt_too(services: Services) -> None:
    """Whatever it was said for."""
    keys = services.orders.key_mismatches
    (order_id,) = await services.orders.place([PurgeOrder(URL, Cause.MANUAL, services.store.clock.now())])
    await carry_out(services)
    await keys.note("inner", BY_COOKIE)
    await keys.clear("inner")
    assert (await shown(services, order_id))[0] is ReceiptState.UNKNOWN
    await store.caches_emptied(services, "ana", "")
    assert (await shown(services, order_id))[0] is ReceiptState.GONE


async def test_a_takedown_whose_summary_is_kept_is_looked_at_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found of a key since changes the summary of a takedown that was done."""
    monkeypatch.setattr(takedowns.TakedownSummary, "is_final", lambda *_: True)
    await takedowns.create(services, TakedownRequest(urls=(URL,)), Requester("ana", "api"))
    await carry_out(services)
    keys = services.orders.key_mismatches

    async def state() -> ReceiptState | None:
        (found,) = await takedowns.recent(services, 1)
        return found.summary and found.summary.orders.state

    before = await state()
    assert before is not ReceiptState.UNKNOWN
    assert await state() is before  # as it is kept
    await keys.note("inner", BY_COOKIE)
    assert await state() is ReceiptState.UNKNOWN
    await keys.clear("inner")
    assert await state() is ReceiptState.UNKNOWN
    await keys.note_emptied("inner")
    assert await state() is before


async def test_only_what_a_check_can_tell_is_called_unchecked(services: Services) -> None:
    """That is the key of every self-hosted cache, until a check has found something."""
    keys = services.orders.key_mismatches
    assert cache_keys.unchecked(services, await keys.records()) == [cache["name"] for cache in CACHES]
    await keys.clear("inner")
    await keys.note("outer", BY_COOKIE)
    assert cache_keys.unchecked(services, await keys.records()) == []
