"""Caches that are not configured here, as the doctor finds them."""

from pathlib import Path

from tests.purging.samples import plain_order
from tests.support.services import running_services

from edgeward.doctor.finding import Health
from edgeward.doctor.nodes import check_nodes
from edgeward.store.connection import Store


async def test_each_is_named_with_what_helps(store: Store, tmp_path: Path) -> None:
    """One that owes purges and that nobody has is a failure; another controller's is a warning."""
    async with running_services(store, tmp_path) as services:
        assert await check_nodes(services) == []
        for name in ("elsewhere", "nowhere"):
            await services.orders.ensure_group(name)
        await store.redis.hset(store.key("{purges}", "nodes"), "nowhere", f"{store.clock.now() - 100:.3f}")
        assert [each.health for each in await check_nodes(services)] == [Health.WARN, Health.WARN]
        await services.orders.place([plain_order("/a")])
        elsewhere, nowhere = await check_nodes(services)
        assert (elsewhere.about, elsewhere.health) == ("elsewhere", Health.WARN)
        assert (nowhere.about, nowhere.health) == ("nowhere", Health.FAIL)
        assert "it owes 1 purge, and no live controller has it" in nowhere.detail
        assert "edgeward caches forget nowhere" in nowhere.fix
