"""What a step of the store's clock has removed is said, on a real store whose clock steps."""

from tests.conftest import STORE_TIMEOUT_MS
from tests.support.stepping_store import SteppingStore

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
        ExpiredSightings(store, Orders(store).clock, each.forgotten)
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
