"""Receipts of takedowns and of entries."""

import time

import pytest
from tests.support.eventually import eventually
from tests.support.services import carry_out

from edgeward.errors import NotFound
from edgeward.operations import entries, lists, receipts, removals, takedowns
from edgeward.operations.entry_effect import Effect
from edgeward.operations.lists import ListChanges
from edgeward.operations.order_totals import ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.statements import statement
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.proxy.lost_sightings import LostSightings
from edgeward.purging.orders import PurgeResult
from edgeward.retromatch import lost_purges
from edgeward.types import (
    Cause,
    Decision,
    Delivery,
    Fingerprint,
    HashList,
    Incident,
    ListKind,
    Mode,
    Outcome,
    PurgeOrder,
    Reason,
    Scope,
    Sighting,
    Signal,
    Target,
)

HOST = "photos.example"
MD5 = Signal("md5", "9" * 32)
IMAGE = Fingerprint("ab" * 32, "image/jpeg", 9, (Signal("sha256", "ab" * 32),))


async def test_a_takedown_has_a_receipt(services: Services) -> None:
    """Its orders page by page; the summary is of all of them on each page."""
    urls = tuple(Target("http", HOST, f"/{number}") for number in range(3))
    await services.sightings.write([Sighting(urls[0], IMAGE, time.time(), 0)])
    state = ReceiptState.GONE
    created = await takedowns.create(services, TakedownRequest(urls), Requester("ana", "api"))
    takedown_id = created.status.takedown.id
    await carry_out(services)
    seen, cursor, pages = [], 0, 0
    while pages == 0 or cursor:
        receipt = await receipts.of_takedown(services, takedown_id, cursor, limit=4)
        page = receipt.page
        seen += [purge.order.id for purge in page.purges]
        assert (page.summary.orders, page.summary.verified, page.summary.state) == (6, 12, state)
        cursor, pages = page.cursor, pages + 1
    assert (pages, len(set(seen))) == (2, 6)
    assert receipt.status.summary is not None
    assert list(receipt.status.summary.unmatched) == [url.url for url in urls[1:]]
    with pytest.raises(NotFound, match="td-none"):
        await receipts.of_takedown(services, "td-none", 0, 4)


async def test_an_entry_has_a_receipt(services: Services) -> None:
    """With its first incident, and every order placed for it, by whichever worker."""
    await lists.create(services, HashList("a"), "ana", "")
    added = await entries.add(services, "a", [MD5], "ana", "", timeout=60.0)
    (entry,) = added.entries
    target = Target("http", HOST, "/a.jpg")
    (order_id,) = await services.orders.place([PurgeOrder(target, Cause.MATCH, time.time(), entry_id=entry.id)])
    blocked = Incident(time.time(), Decision.BLOCK, Reason.MATCH, target, "ab" * 32, "a", entry.id, "md5", 0)
    await services.incidents.add([blocked])
    receipt = await receipts.of_entry(services, entry.id, 0, 100)
    assert (receipt.entry, receipt.change.active, receipt.matched) == (entry, True, True)
    assert [purge.order.id for purge in receipt.page.purges] == [order_id]
    assert receipt.page.summary.owed == {"inner": 1, "outer": 1}
    assert receipt.first_blocked is not None
    assert receipt.first_blocked.at == blocked.at
    assert receipt.effect is Effect.BLOCKS
    with pytest.raises(NotFound, match="0123"):
        await receipts.of_entry(services, "0123", 0, 100)


async def test_a_receipt_of_an_entry_without_orders_is_not_gone(services: Services) -> None:
    """Nothing matched it: there was nothing that could be gone."""
    await lists.create(services, HashList("a"), "ana", "")
    (entry,) = (await entries.add(services, "a", [MD5], "ana", "", timeout=60.0)).entries
    receipt = await receipts.of_entry(services, entry.id, 0, 100)
    assert (receipt.page.summary.state, receipt.page.summary.orders) == (ReceiptState.NOTHING, 0)


@pytest.mark.parametrize(
    ("policy", "signal", "effect"),
    [
        (HashList("a", mode=Mode.MONITOR), MD5, Effect.MONITORS),
        (HashList("a", mode=Mode.OFF), MD5, Effect.OFF),
        (HashList("a", ListKind.ALLOW), MD5, Effect.PROTECTS),
        (HashList("a"), Signal("photodna", "0" * 288), Effect.CANNOT_MATCH),
    ],
)
async def test_a_receipt_of_an_entry_that_blocks_nothing_says_so(
    services: Services, policy: HashList, signal: Signal, effect: Effect
) -> None:
    """Whatever was purged for it before: its image may be cached again. An incident that was no block is none."""
    await lists.create(services, policy, "ana", "")
    (entry,) = (await entries.add(services, "a", [signal], "ana", "", timeout=60.0)).entries
    target = Target("http", HOST, "/a.jpg")
    await services.orders.place([PurgeOrder(target, Cause.MATCH, time.time(), entry_id=entry.id)])
    await carry_out(services)
    seen = Incident(time.time(), Decision.DELIVER, Reason.MONITORED, target, "ab" * 32, "a", entry.id, "md5", 0)
    await services.incidents.add([seen])
    receipt = await receipts.of_entry(services, entry.id, 0, 100)
    assert (receipt.effect, receipt.page.summary.state) == (effect, ReceiptState.INACTIVE)
    assert receipt.first_blocked is None


async def test_a_removed_entry_keeps_its_receipt(services: Services) -> None:
    """What was listed and by whom, what was purged, and who removed it: one entry, or its list."""
    await lists.create(services, HashList("a"), "ana", "")
    one, other = (await entries.add(services, "a", [MD5, IMAGE.signals[0]], "ana", "order 17", timeout=60.0)).entries
    target = Target("http", HOST, "/a.jpg")
    await services.orders.place([PurgeOrder(target, Cause.MATCH, time.time(), entry_id=one.id)])
    await carry_out(services)
    await removals.of_entry(services, one.id, None, "bo", "order was lifted")
    receipt = await receipts.of_entry(services, one.id, 0, 100)
    assert (receipt.entry.signal, receipt.entry.added_by, receipt.entry.act) == (MD5, "ana", one.act)
    assert (receipt.effect, receipt.page.summary.state) == (Effect.REMOVED, ReceiptState.INACTIVE)
    assert [status.order.target for status in receipt.page.purges] == [target]
    assert receipt.removal is not None
    assert (receipt.removal.op, receipt.removal.who, receipt.removal.why) == ("entry.remove", "bo", "order was lifted")
    assert "it was removed from its list" in statement(receipt.page.summary)
    await lists.delete(services, "a", "cy", "")
    receipt = await receipts.of_entry(services, other.id, 0, 100)
    assert receipt.removal is not None
    assert (receipt.removal.op, receipt.removal.who) == ("list.delete", "cy")
    with pytest.raises(NotFound):
        await receipts.of_entry(services, "ab" * 10, 0, 100)


async def listed_where_sightings_are_lost_later(services: Services, mode: Mode = Mode.ENFORCE) -> str:
    """A listing whose copies are all purged. Returns the id of the entry."""
    await lists.create(services, HashList("a", mode=mode), "ana", "")
    await services.sightings.write([Sighting(Target("http", HOST, "/a.jpg"), IMAGE, time.time(), 0)])
    (entry,) = (await entries.add(services, "a", IMAGE.signals, "ana", "")).entries
    await retromatched(services)
    await carry_out_without_prefixes(services)
    return entry.id


async def retromatched(services: Services) -> None:
    version = await services.list_store.version()

    async def matched() -> bool:
        return await services.retromatch.version() >= version

    await eventually(matched, "retromatching")


async def carry_out_without_prefixes(services: Services) -> None:
    """As caches do that can't purge by prefix."""
    for name in services.caches:
        while orders := await services.orders.take(name, "tests", 100, 1):
            for order in orders:
                delivery = Delivery.UNSUPPORTED if order.scope is Scope.PREFIX else Delivery.VERIFIED
                outcome = Outcome(order.id, name, delivery, time.time())
                await services.orders.record_results(name, [PurgeResult(order.id, outcome)])


async def summary_of(services: Services, entry_id: str) -> tuple[ReceiptState, dict[str, int]]:
    summary = (await receipts.of_entry(services, entry_id, 0, 100)).page.summary
    return summary.state, summary.forgotten


async def test_sightings_lost_before_the_policy_changed_are_on_the_receipt(services: Services) -> None:
    """The change of policy lists the image: what was lost until then may be a copy of it, and no cache can tell."""
    entry_id = await listed_where_sightings_are_lost_later(services, Mode.MONITOR)
    await services.sightings.forgotten.remember_lost({Target("http", HOST, "/"): 7})
    await lists.change(services, "a", ListChanges(mode=Mode.ENFORCE), "ana", "")
    await retromatched(services)
    await carry_out_without_prefixes(services)
    assert await summary_of(services, entry_id) == (ReceiptState.UNKNOWN, {"inner": 7, "outer": 7})


async def test_sightings_lost_before_an_allowlist_changed_are_on_the_receipt(services: Services) -> None:
    """The image may have been protected: it is blocked now, in the name of an entry of another list."""
    entry_id = await listed_where_sightings_are_lost_later(services)
    await lists.create(services, HashList("good", kind=ListKind.ALLOW), "ana", "")
    (allowed,) = (await entries.add(services, "good", [MD5], "ana", "")).entries
    await services.sightings.forgotten.remember_lost({Target("http", HOST, "/"): 3})
    await removals.of_entry(services, allowed.id, None, "ana", "")
    await retromatched(services)
    await carry_out_without_prefixes(services)
    assert await summary_of(services, entry_id) == (ReceiptState.UNKNOWN, {"inner": 3, "outer": 3})


async def test_sightings_that_a_worker_lost_after_the_listing_are_on_the_receipt(services: Services) -> None:
    """They were judged by the lists before. A receipt of a takedown that lists says so too, and so does a wait."""
    before = await services.list_store.version()
    entry_id = await listed_where_sightings_are_lost_later(services)
    assert (await summary_of(services, entry_id))[0] is ReceiptState.GONE
    request = TakedownRequest(signals=IMAGE.signals, list="a")
    takedown = (await takedowns.create(services, request, Requester("ana", "api"))).status.takedown
    await carry_out_without_prefixes(services)
    lost = LostSightings(services.sightings, services.orders, services.list_store)
    for number in range(5):
        lost.add(Target("http", HOST, f"/{number}"), before)
    await lost.start()
    await lost.buffer.close()
    await carry_out_without_prefixes(services)
    assert await summary_of(services, entry_id) == (ReceiptState.UNKNOWN, {"inner": 5, "outer": 5})
    summary = (await receipts.of_takedown(services, takedown.id, 0, 100)).page.summary
    assert (summary.state, summary.forgotten) == (ReceiptState.UNKNOWN, {"inner": 5, "outer": 5})
    # Listed again it is purged again, and nobody carries that out here.
    again = await entries.add(services, "a", IMAGE.signals, "ana", "", timeout=1.0)
    assert again.purge and again.purge.summary.forgotten == {"inner": 5, "outer": 5}


async def test_a_purge_that_is_due_is_waited_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the host where sightings were lost: listings in quick succession share one."""
    monkeypatch.setattr(lost_purges, "LOST_PURGE_SECONDS", 600.0)
    await lists.create(services, HashList("a"), "ana", "")
    await services.sightings.forgotten.remember_lost({Target("http", HOST, "/"): 3})
    await entries.add(services, "a", [MD5], "ana", "")
    await retromatched(services)
    (entry,) = (await entries.add(services, "a", IMAGE.signals, "ana", "")).entries
    await retromatched(services)
    assert (await summary_of(services, entry.id))[0] is ReceiptState.PLACING
    monkeypatch.setattr(lost_purges, "LOST_PURGE_SECONDS", 0.0)

    async def placed() -> bool:
        return (await summary_of(services, entry.id))[0] is not ReceiptState.PLACING

    await eventually(placed, "the purge of the host")
    await carry_out_without_prefixes(services)
    assert await summary_of(services, entry.id) == (ReceiptState.UNKNOWN, {"inner": 3, "outer": 3})
    assert len(await services.orders.recent()) == 2
