"""The watch for settings that differ between controllers, on a real store."""

from typing import Any

import pytest
from tests.purging.samples import metric_value
from tests.support.services import CACHES, carry_out

from edgeward.errors import Conflict
from edgeward.operations import caches
from edgeward.operations.order_totals import ReceiptState, add_up
from edgeward.operations.services import Services
from edgeward.operations.settings_watch import NAME_FIX, SettingsWatch
from edgeward.operations.statements import statement
from edgeward.operations.status import system_status
from edgeward.operations.takedown_summary import TakedownSummary
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config
from edgeward.sightings.url_normalization import target_of
from edgeward.store.connection import Store
from edgeward.types import Cause, PurgeOrder
from edgeward.types.accepted_purges import SETTINGS_DIFFER


def watch(store: Store, name: str, network: str = "", **sections: Any) -> SettingsWatch:
    """That of another controller."""
    return SettingsWatch(Orders(store), Config.model_validate(sections), name, network)


async def test_a_difference_is_told_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """In the log with both values, and by the metric until it is mended."""
    one, two = watch(store, "one"), watch(store, "two", sightings={"keep_days": 1.0})
    await two.look()
    for _ in range(2):
        await one.look()
    assert [record.getMessage() for record in caplog.records] == [
        "setting sightings.keep_days differs: 30.0 at one, 1.0 at two"
    ]
    assert metric_value("edgeward_settings_mismatch", setting="sightings.keep_days") == 1
    await two.close()
    await one.look()
    assert metric_value("edgeward_settings_mismatch", setting="sightings.keep_days") == 0


async def test_another_controller_of_the_same_name_is_told_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Machines with equal host names: in the log with what to do, and by the metric."""
    one, two = watch(store, "edge:8081#1"), watch(store, "edge:8081#2", "elsewhere", sightings={"keep_days": 1.0})
    for each in (one, two, one, two, one):
        await each.look()
    told = [record.getMessage() for record in caplog.records if "is named" in record.getMessage()]
    assert told == [f"more than one live controller is named edge:8081: {NAME_FIX}"] * 2, "each says so once"
    assert metric_value("edgeward_settings_mismatch", setting="controller.name") == 1


async def test_another_url_of_a_cache_is_said(services: Services) -> None:
    """While two controllers have different ones, what was verified is not known to be gone; status names both."""
    own = SettingsWatch(services.orders, services.config, "tests")
    inner, outer = CACHES
    other = watch(services.store, "other", caches=[{**inner, "url": "http://127.0.0.1:9"}, outer])
    order = PurgeOrder(target_of("http://photos.example/a.jpg"), Cause.MANUAL, services.store.clock.now())
    (order_id,) = await services.orders.place([order])
    await carry_out(services)
    for look, state in ((own, ReceiptState.GONE), (other, ReceiptState.UNKNOWN)):
        await look.look()
        await own.look()
        summary = (await add_up(services, [order_id])).summary(complete=True)
        assert summary.state is state
    text = "inner: controllers may purge different caches under this name (caches.inner.url differs"
    assert text in statement(summary)
    assert summary.caches["inner"].why_accepted == SETTINGS_DIFFER
    assert not TakedownSummary(summary).is_final(0.0, ())
    (found,) = (await system_status(services)).differing
    assert found.values == {"other": '"http://127.0.0.1:9"', "tests": '"http://127.0.0.1:1"'}


async def test_one_file_on_two_machines(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """With caches at loopback addresses each controller purges its own: nothing there is gone, and the log says why."""
    own = SettingsWatch(services.orders, services.config, "edge1:8081")
    order = PurgeOrder(target_of("http://photos.example/a.jpg"), Cause.MANUAL, services.store.clock.now())
    (order_id,) = await services.orders.place([order])
    await carry_out(services)
    other_machine = watch(services.store, "edge2:8081", network="elsewhere", caches=CACHES)
    same_machine = watch(services.store, "edge1:9081", caches=CACHES)
    for look, state in ((same_machine, ReceiptState.GONE), (other_machine, ReceiptState.UNKNOWN)):
        await look.look()
        await own.look()
        summary = (await add_up(services, [order_id])).summary(complete=True)
        assert summary.state is state
    text = (
        "caches.inner.url is a loopback address of 2 machines or containers (edge1:8081, edge1:9081, edge2:8081): "
        "each purges its own; give each cache a name and an address that all controllers reach"
    )
    assert f"inner: controllers may purge different caches under this name ({text}" in statement(summary)
    assert f"setting {text}" in [record.getMessage() for record in caplog.records]
    assert metric_value("edgeward_settings_mismatch", setting="caches.url_network") == len(CACHES)


async def test_a_controller_that_is_restarted_without_a_cache(services: Services) -> None:
    """The cache is no other controller's: it can be written off at once. One that another has as well can not."""
    for name in ("second", "third"):
        await services.orders.ensure_group(name)
    extra = [{**CACHES[0], "name": name} for name in ("second", "third")]
    await watch(services.store, "tests", caches=[*CACHES, *extra]).look()
    await watch(services.store, "other", caches=extra[1:]).look()
    await SettingsWatch(services.orders, services.config, "tests").look()
    assert [each.configured for each in await caches.index(services)] == ["here", "here", "nowhere", "elsewhere"]
    assert await caches.forget(services, "second", "ana", "")
    with pytest.raises(Conflict, match=r"cache third is in \[\[caches\]\] of another controller: remove it there"):
        await caches.forget(services, "third", "ana", "")
    with pytest.raises(Conflict, match=r"cache inner is in \[\[caches\]\]: remove it there"):
        await caches.forget(services, "inner", "ana", "")


async def test_a_controller_that_ends_lets_its_caches_go(services: Services) -> None:
    """At once, but not those that another has: of its own nobody says that Edgeward goes on trying there."""
    order = PurgeOrder(target_of("http://photos.example/a.jpg"), Cause.MANUAL, services.store.clock.now() - 60)
    for name in ("second", "third"):
        await services.orders.ensure_group(name)
    (order_id,) = await services.orders.place([order])
    extra = [{**CACHES[0], "name": name} for name in ("second", "third")]
    ending = watch(services.store, "ending", caches=extra)
    await watch(services.store, "other", caches=extra[1:]).look()
    await ending.look()
    assert [each.configured for each in await caches.index(services)][2:] == ["elsewhere", "elsewhere"]
    await ending.close()
    assert [each.configured for each in await caches.index(services)][2:] == ["nowhere", "elsewhere"]
    await carry_out(services)
    await carry_out(services, cache="third")
    said = statement((await add_up(services, [order_id])).summary(complete=True))
    assert "second owes 1 purge, and no live controller has it in [[caches]]" in said
    assert "goes on trying" not in said


async def test_start_and_end(store: Store) -> None:
    """The first look is before purges begin; one that ends is off the record at once."""
    one = watch(store, "one")
    await one.start()
    key = store.key("{purges}", "controllers")
    assert b"one" in await store.redis.hkeys(key)
    await one.close()
    assert b"one" not in await store.redis.hkeys(key)
    away = SettingsWatch(Orders(Store("redis://127.0.0.1:1", "test", 200)), Config(), "away")
    await away.start()
    await away.close()
