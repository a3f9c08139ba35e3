"""The regular check of the keys of caches, at real ones."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.changed_varnish import Cold, started
from tests.support.eventually import eventually
from tests.support.real_caches import image, settings, target
from tests.support.services import running_services

from edgeward.demo.caches import CacheServer, Nginx, Varnish
from edgeward.doctor import key_check
from edgeward.doctor.key_check import KeyCheck
from edgeward.doctor.key_variants import VARIANTS
from edgeward.operations import entries, lists
from edgeward.operations.services import Services
from edgeward.purging.key_records import NOTHING_KNOWN
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.store.connection import Store
from edgeward.types import Cause, HashList, PurgeOrder, Sighting, Target

BY_DEVICE = 'sub vcl_hash { if (req.http.User-Agent ~ "Mobile") { hash_data("m"); } }'
OBJECT = target("/doctor")
DEPLOYMENT = Path(__file__).resolve().parents[2] / "docs" / "deployment.md"


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    async with running_services(store, tmp_path) as running:
        yield running


def section(cache: CacheServer) -> SelfHostedCache:
    found = settings(cache, serves=cache.url)
    assert isinstance(found, SelfHostedCache)
    return found


async def known(services: Services) -> dict[str, tuple[str, ...]]:
    return {name: each.headers for name, each in (await services.orders.key_mismatches.all()).items()}


async def test_a_key_with_a_device_in_it_is_found_until_it_is_mended(cold: Cold, services: Services) -> None:
    """The check tries as phones do; once the key is that of purges, the next check takes it back, except for the orders
    of before."""
    check = KeyCheck(services)
    await check.check(section(started(cold, BY_DEVICE)), OBJECT)
    assert await known(services) == {"edge": ("user-agent",)}
    (order_id,) = await services.orders.place([PurgeOrder(OBJECT, Cause.MANUAL, time.time())])
    await check.check(section(started(cold)), OBJECT)
    assert await known(services) == {}
    (order, _) = await services.orders.get(order_id)
    assert (await services.orders.key_mismatches.records())["edge"].doubt(order.placed_at)


async def test_the_documented_way_to_vary_stays_purgeable(cold: Cold, services: Services) -> None:
    """The VCL of docs/deployment.md stores phones' copies as variants: a purge removes them all."""
    section_text = DEPLOYMENT.read_text().partition("\n## More in the cache key\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```vcl\n(.*?)```", section_text, re.S)
    await KeyCheck(services).check(section(started(cold, code)), OBJECT)
    assert await known(services) == {}


async def test_an_object_that_no_purge_meets_is_a_mismatch_once_it_is_doubted(
    cold: Cold, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An nginx without X-Cache does not tell whether it stored an object; purges that met nothing of what clients just
    got do."""

    class OtherKey(Nginx):
        def _command(self) -> list[str]:
            command = super()._command()
            location = self.directory / "edgeward-location.conf"
            text = location.read_text().replace("proxy_cache_key $host", "proxy_cache_key $scheme$host")
            location.write_text(text.replace("add_header X-Cache", "add_header X-None"))
            return command

    cache = cold(OtherKey)
    cache.start()
    monkeypatch.setattr(key_check, "cache_upstream", lambda config: cache.url)
    check = KeyCheck(services)
    await check.check(section(cache), OBJECT)
    assert await known(services) == {}
    await services.orders.key_mismatches.doubt("edge")
    await check.check(section(cache), OBJECT)
    assert await known(services) == {"edge": ()}


async def test_every_cache_is_checked_once_in_that_time(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of the controllers, and only self-hosted caches, when there is an object."""
    monkeypatch.setattr(key_check, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(key_check, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_check, "own_object", lambda config: OBJECT)
    checked: list[str] = []

    class Recorded(KeyCheck):
        async def check(self, cache: SelfHostedCache, target: Target) -> None:
            checked.append(cache.name)

    checks = [Recorded(services), Recorded(services)]
    for each in checks:
        await each.start()
    names = sorted(cache.name for cache in services.config.caches)
    await eventually(lambda: sorted(checked) == names)
    for name in names:
        await services.store.redis.delete(services.store.key("{purges}", "key-check", name))
    await eventually(lambda: sorted(checked) == sorted(names * 2))
    for each in checks:
        await each.close()


async def test_a_check_is_repeated_soon_until_one_can_tell(
    cold: Cold, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that is down at first is checked again, and that it was checked is then on record."""
    cache = cold(Varnish)
    services = replace(services, config=services.config.model_copy(update={"caches": (section(cache),)}))
    monkeypatch.setattr(key_check, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(key_check, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_check, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(key_check, "own_object", lambda config: OBJECT)
    mismatches = services.orders.key_mismatches
    checks = KeyCheck(services)
    await checks.start()
    key = services.store.key("{purges}", "key-check", "edge")
    await eventually(lambda: checks.retries["edge"] > 1)
    assert not await mismatches.records()
    cache.start()

    async def is_checked() -> bool:
        return not (await mismatches.records()).get("edge", NOTHING_KNOWN).is_unchecked

    await eventually(is_checked)
    await checks.close()
    assert await services.store.redis.pttl(key) > 60_000  # the next is due as usual, whichever controller looks


async def test_what_was_listed_during_a_check_is_purged_again(cold: Cold, services: Services) -> None:
    """The check may have put it back after its purge, under each request that it makes."""
    picture = image("listed")
    await services.sightings.write([Sighting(OBJECT, picture, time.time(), 0)])
    await lists.create(services, HashList("l"), "me", "")
    await entries.add(services, "l", list(picture.signals), "me", "")
    await KeyCheck(services).check(section(started(cold)), OBJECT)
    placed = [order for order, _ in await services.orders.recent() if order.by == "key check"]
    assert len(placed) == len(VARIANTS)
