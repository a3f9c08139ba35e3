"""What lists that may be out of date let through is recorded, and matched, once more."""

from tests.proxy.recording import Bench, orders_by_retromatch
from tests.proxy.recording import bench as bench
from tests.support.real_caches import target

from edgeward.lists.replication.freshness import Freshness
from edgeward.types import Cause


async def test_what_old_lists_let_through_again_is_ordered_out(bench: Bench) -> None:
    """An image that is known is listed and purged; then a worker that is behind lets it through once more. That is
    recorded again, however often it was before, and an order follows."""
    old = bench.sighting("/known", "known")
    for _ in range(3):
        bench.recorder.record_sighting(old)
        await bench.recorder.flush()
    change = await bench.list_image("known")
    assert len(await orders_by_retromatch(bench, change)) == 1
    bench.recorder.record_sighting(old)
    await bench.recorder.close()
    orders = [order for order, _ in await bench.orders.recent()]
    assert sorted(order.cause for order in orders) == [Cause.LISTING, Cause.MATCH]
    assert {order.target for order in orders} == {target("/known")}


async def test_what_is_let_through_in_a_cut_is_recorded_again(bench: Bench) -> None:
    """Nobody knows then whether the lists are the newest. One record that waits does for all like it."""
    sighting = bench.sighting("/known", "known")
    for _ in range(3):
        bench.recorder.record_sighting(sighting)
        await bench.recorder.flush()
    assert not bench.recorder.record_sighting(sighting)
    bench.replica.freshness = Freshness()
    put = [bench.recorder.record_sighting(sighting) for _ in range(10)]
    assert put == [True] + [False] * 9
    await bench.recorder.flush()
    bench.replica.freshness = Freshness()
    assert bench.recorder.record_sighting(sighting)
