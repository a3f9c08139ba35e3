"""What follows from a verdict."""

import pytest
from tests.proxy.conftest import Worker
from tests.proxy.responses import IMAGE, shows, verdict_count
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.incidents import Incidents
from edgeward.purging.orders import Orders
from edgeward.types import Action, ListKind, Mode


@pytest.mark.parametrize("action", list(Action))
async def test_action_of_the_list(worker: Worker, action: Action) -> None:
    """The list says what clients get."""
    image = jpeg()
    worker.upstream.put("/a", image, *IMAGE)
    await worker.list(sha256(image), action=action)
    reply = await worker.get("/a")
    assert reply.status == (200 if action is Action.PLACEHOLDER else int(action))
    assert not shows(reply, image)


async def test_allowlist_wins_and_monitor_delivers(worker: Worker) -> None:
    """An allowlist undoes a block at once; a monitored match is delivered and reported."""
    image, watched = jpeg("astronaut"), jpeg("rocket")
    worker.upstream.put("/a", image, *IMAGE)
    worker.upstream.put("/w", watched, *IMAGE)
    await worker.list(sha256(image))
    await worker.list(sha256(watched), name="watch", mode=Mode.MONITOR)
    assert (await worker.get("/a")).status == 451
    await worker.list(sha256(image), name="ours", kind=ListKind.ALLOW)
    assert (await worker.get("/a")).body == image
    before = verdict_count("deliver", "monitored")
    assert (await worker.get("/w")).body == watched
    assert verdict_count("deliver", "monitored") == before + 1


async def test_a_match_in_transit_orders_a_purge_and_reports(worker: Worker) -> None:
    """The block leaves a purge order for the exact target and an incident."""
    image = jpeg()
    worker.upstream.put("/%61?x=1", image, *IMAGE, "Vary: Accept")
    (entry,) = await worker.list(sha256(image))
    await worker.get("/%61?x=1", "Accept: image/webp")
    orders, incidents = Orders(worker.store), Incidents(worker.store)
    await eventually(lambda: orders.recent(10))
    await eventually(lambda: incidents.recent(10))
    order, reported = (await orders.recent(10))[0][0], await incidents.recent(10)
    assert (order.target.url, order.target.vary) == ("http://img.test/%61?x=1", (("accept", "image/webp"),))
    assert (order.entry_id, reported[0].entry_id) == (entry.id, entry.id)
