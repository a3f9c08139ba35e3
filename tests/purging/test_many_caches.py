"""A controller with many caches: they share its connections to the store."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.purging.samples import plain_order
from tests.purging.scripted import ScriptedCache, cache
from tests.support.logs import own_messages

from edgeward.purging.orders import Orders
from edgeward.purging.purger import Purger
from edgeward.settings.config import PurgeSettings
from edgeward.store.connection import Store

CACHES = 60
SETTINGS = PurgeSettings(repeat_seconds=(0.01,))


async def test_sixty_caches_carry_out_an_order(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """All of them, from a start at once on, and no command fails for want of a connection."""
    orders, names = Orders(store), [f"cache-{number}" for number in range(CACHES)]
    async with AsyncExitStack() as stack:
        purgers = [Purger(orders, cache(name), ScriptedCache(), SETTINGS, consumer="one") for name in names]
        for purger in purgers:
            stack.push_async_callback(purger.close)
        await asyncio.gather(*(purger.start() for purger in purgers))
        ids = [(await orders.place([plain_order(f"/{number}")]))[0] for number in range(2)]
        assert await orders.wait_done(ids, names, 60) == {}
    assert own_messages(caplog) == []  # the proxies of other tests run in threads of this process
