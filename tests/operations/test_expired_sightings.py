"""What a step of the store's clock has removed is said, on a real store whose clock steps."""

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.support.stepping_store import SteppingStore

from edgeward.lists.replication.membership import Membership
from edgeward.operations.expired_sightings import ExpiredSightings
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store

DAY = 86400.0


async def test_days_forward_are_a_loss_of_sightings(stepping: SteppingStore) -> None:
    """Said once for each, by whichever controller notices it; neither steps back nor short ones are."""
    stores = [await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS) for _ in range(2)]
    sightings = [Sightings(store, SightingsSettings()) for store in stores]
    looks = [
        ExpiredSightings(store, Orders(store).clock, each.forgotten, keep_days=30)
        for store, each in zip(stores, sightings, strict=True)
    ]

    async def lost_after(seconds: float) -> bool:
        if seconds:
            await stepping.step_and_wait(stores[0], seconds)
        for each in (*looks, *looks):
            await each.look()
        is_lost = (await sightings[0].forgotten.totals()).store_lost
        await sightings[0].forgotten.end_store_loss()
        return is_lost

    async def emptied() -> bool:
        return bool(await sightings[1].forgotten.emptied_at())

    found = [await lost_after(days * DAY) for days in (0, 100, 0, -100, 0.5, 0, 40)]
    assert found == [False, True, False, False, False, False, True]
    assert await emptied()
    # A statement that is still to come counts neither now nor when its time comes again.
    for seconds in (-1.0 * DAY, 2.0 * DAY):
        await stepping.step_and_wait(stores[0], seconds)
        for each in looks:
            await each.look()
        assert not await emptied()
    for store in stores:
        await store.close()


@pytest.mark.parametrize(("keep_days", "is_lost"), [(0.5, True), (30, False)])
async def test_hours_forward_are_a_loss_where_sightings_are_kept_for_hours(
    stepping: SteppingStore, keep_days: float, is_lost: bool
) -> None:
    """What counts is the share of `keep_days`. No controller need run meanwhile: another process notices the step."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    forgotten = Sightings(store, SightingsSettings()).forgotten
    await ExpiredSightings(store, Orders(store).clock, forgotten, keep_days).look()
    await stepping.step_and_wait(store, 20 * 3600)
    await store.clock.learn()
    await Membership(store).note_clock_step(20 * 3600.0, store.clock.now())
    await ExpiredSightings(store, Orders(store).clock, forgotten, keep_days).look()
    assert (await forgotten.totals()).store_lost is is_lost
    await store.close()
