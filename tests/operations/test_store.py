"""A store that lost its data: what is refused meanwhile, and its refill."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from tests.support.eventually import eventually
from tests.support.services import carry_out
from tests.support.store_copies import bring_back, copy_of, pass_lease_time

from edgeward.controller.composition import compose
from edgeward.errors import Conflict, Unavailable
from edgeward.lists.audit_trail import request_from
from edgeward.lists.replication.membership import LOADING, Membership
from edgeward.lists.replication.refill import Holding, Refill
from edgeward.operations import (
    entries,
    imports,
    lists,
    purges,
    receipts,
    removals,
    statements,
    store,
    takedowns,
    waiting,
)
from edgeward.operations import store as module
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.lists import ListChanges
from edgeward.operations.order_totals import ReceiptState, add_up
from edgeward.operations.services import Services
from edgeward.operations.status import readiness
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.retromatch import lost_purges
from edgeward.types import Delivery, HashList, Mode, Scope, Signal, Target

LISTED = Signal("md5", "1" * 32)


async def listed(services: Services) -> str:
    """Lists LISTED on a new list, "a". Returns the id of its entry."""
    await lists.create(services, HashList("a"), "ana", "")
    added = await entries.add(services, "a", [LISTED], "ana", "order 17")
    return added.entries[0].id


async def empty_the_store(services: Services) -> None:
    """As FLUSHALL, or a new volume, does it, for the namespace of one test."""
    async for keys in services.store.scan(f"{services.store.namespace}:*"):
        await services.store.redis.delete(*keys)
    await eventually(lambda: services.replica.loss, "the loss is noticed")
    for name in services.caches:
        await services.orders.ensure_group(name)  # as its purger does


async def test_no_list_is_changed_while_lists_are_missing(services: Services) -> None:
    """Every change of a list says what is wrong and which command restores it; no listing is half there."""
    entry_id = await listed(services)
    await empty_the_store(services)
    changes = [
        lists.create(services, HashList("b"), "ana", ""),
        lists.change(services, "a", ListChanges(mode=Mode.OFF), "ana", ""),
        lists.delete(services, "a", "ana", ""),
        entries.add(services, "a", [LISTED], "ana", ""),
        removals.of_entry(services, entry_id, None, "ana", ""),
        imports.create(services, ImportRequest("a", io.BytesIO(b"md5:" + b"2" * 32), "text"), "ana"),
        takedowns.create(services, TakedownRequest(signals=(LISTED,), list="a"), Requester("ana", "api")),
    ]
    for change in changes:
        with pytest.raises(Unavailable, match="edgeward store refill"):
            await change
    assert await services.list_store.lists() == []


async def test_what_is_enforced_is_shown(services: Services) -> None:
    """`lists` shows what images are matched by, and the status says that the store lost it; it stays ready."""
    await listed(services)
    await empty_the_store(services)
    assert [each.hash_list.name for each in await lists.all_lists(services)] == ["a"]
    assert (await lists.get(services, "a")).entries == {"md5": 1}
    state = readiness(services)
    assert (state.ready, state.lost) == (True, True)
    assert "edgeward store refill" in state.reasons[0]


async def test_a_refill_restores_all(services: Services) -> None:
    """Afterwards entries can be found and removed again, and the result names what can't come back."""
    entry_id = await listed(services)
    await empty_the_store(services)
    result = await store.refill(services, "ben", "the disk was replaced", timeout=60)
    assert result.needed and result.record and (result.record.lists, result.record.entries) == (1, 1)
    assert any("sightings" in text for text in result.not_restored)
    assert readiness(services).reasons == []
    found = entries.find(services, entry_id)
    assert (found.added_by, found.reason) == ("ana", "order 17")
    removed = await removals.of_entry(services, entry_id, None, "ana", "")
    assert list(removed.entries) == [found]


async def test_a_process_that_was_killed_is_not_waited_for(services: Services) -> None:
    """It still counts as live when it is asked, and held the most. The next one that holds the lists writes them."""
    await listed(services)
    await empty_the_store(services)
    killed = Membership(services.store)
    await killed.heartbeat("killed", LOADING)
    await Refill(services.store).offer("killed", Holding(9, 9, 9, ""))
    result = await store.refill(services, "ben", "", timeout=60)
    assert result.record and (result.record.lists, result.record.entries) == (1, 1)


async def test_without_a_loss_nothing_is_done(services: Services) -> None:
    """The lists stay at their version."""
    await listed(services)
    version = await services.list_store.version()
    result = await store.refill(services, "ben", "")
    assert (result.needed, result.record, await services.list_store.version()) == (False, None, version)


async def emptied_before_a_heartbeat(services: Services) -> Services:
    """The store was emptied a moment ago, and nobody has noticed."""
    async for keys in services.store.scan(f"{services.store.namespace}:*"):
        await services.store.redis.delete(*keys)
    return services


async def restarted_and_not_loaded(services: Services) -> Services:
    """The controller was restarted since, and has not loaded the lists."""
    await services.replica.close()
    return compose(services.config, (await emptied_before_a_heartbeat(services)).store, "restarted")


@pytest.mark.parametrize("lose", [restarted_and_not_loaded, emptied_before_a_heartbeat])
async def test_a_loss_that_is_not_known_yet_is_not_denied(
    services: Services, lose: Callable[[Services], Awaitable[Services]]
) -> None:
    """Neither that the store has every list, nor that every cache was emptied since it was repaired: try again."""
    await listed(services)
    running = await lose(services)
    with pytest.raises((Unavailable, Conflict), match=r"not loaded yet|not repaired yet"):
        await store.caches_emptied(running, "ben", "")
    if running.replica.loss is None:
        with pytest.raises(Unavailable, match="the lists are not loaded yet: try again"):
            await store.refill(running, "ben", "")
    assert await running.sightings.forgotten.emptied_at() == 0.0


async def test_entries_that_were_evicted_a_moment_ago_are_missed(services: Services) -> None:
    """They are counted now, not only every few seconds: the answer is not that nothing is lost."""
    await listed(services)
    # As an eviction does it: the store's version and history stay.
    await services.store.redis.delete(services.store.key("{blocklist}", "entries", "a"))
    with pytest.raises(Unavailable, match="the lists are not loaded yet: try again"):
        await store.refill(services, "ben", "")


async def test_where_no_process_holds_them_it_says_so(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that started after the loss has nothing to write back; the lists may be given up."""
    monkeypatch.setattr(module, "OFFER_SECONDS", 1.5)
    await listed(services)
    await services.replica.close()
    async for keys in services.store.scan(f"{services.store.namespace}:*"):
        await services.store.redis.delete(*keys)
    # As after a restart: only the file in state_dir knows.

    restarted = compose(services.config, services.store, "restarted")
    await restarted.replica.start()
    try:
        assert not readiness(restarted).ready
        with pytest.raises(Conflict, match="--accept-empty"):
            await store.refill(restarted, "ben", "", timeout=60)
        result = await store.refill(restarted, "ben", "", accept_empty=True, timeout=60)
        assert result.needed and readiness(restarted).ready
    finally:
        await restarted.replica.close()


async def retromatched(services: Services) -> None:
    version = await services.list_store.version()

    async def matched() -> bool:
        return await waiting.is_matched(services, version, ["a"])

    await eventually(matched, "retromatching")


async def unknowns_of(services: Services, entry_id: str) -> tuple[ReceiptState, list[str]]:
    await retromatched(services)
    await carry_out(services, Delivery.UNSUPPORTED)
    summary = (await receipts.of_entry(services, entry_id, 0, 100)).page.summary
    return summary.state, statements.unknowns(summary)


LOST = [f"{name}: sightings were lost with the store's data" for name in ("inner", "outer")]


@pytest.mark.parametrize("accept_empty", [False, True])
async def test_after_a_loss_no_copy_is_known_to_be_gone(
    services: Services, accept_empty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the image may be cached: its sighting was lost. Receipts of restored and of new entries, waits,
    takedowns and the status say so, until the operator has emptied every cache."""
    monkeypatch.setattr(lost_purges, "LOST_PURGE_SECONDS", 0.5)
    entry_id = await listed(services)
    await empty_the_store(services)
    await store.refill(services, "ben", "", accept_empty, timeout=60)
    if accept_empty:
        await listed(services)
    assert (await store.refill(services, "ben", "")).sightings_lost
    assert await unknowns_of(services, entry_id) == (ReceiptState.UNKNOWN, LOST)
    other = Signal("md5", "2" * 32)
    await entries.add(services, "a", [other], "ana", "")
    await retromatched(services)
    await carry_out(services, Delivery.UNSUPPORTED)
    adding = asyncio.create_task(entries.add(services, "a", [other], "ana", "", timeout=60.0))
    while not adding.done():  # listed again, it is purged again
        await carry_out(services, Delivery.UNSUPPORTED)
        await asyncio.wait([adding], timeout=0.05)
    added = await adding
    assert added.purge
    requester = Requester("ana", "api", hosts=("photos.example",))
    made = await takedowns.create(services, TakedownRequest(signals=(other,)), requester)
    await carry_out(services, Delivery.UNSUPPORTED)
    taken_down = (await receipts.of_takedown(services, made.status.takedown.id, 0, 100)).page
    for summary in (added.purge.summary, taken_down.summary):
        assert (summary.state, statements.unknowns(summary)) == (ReceiptState.UNKNOWN, LOST)
    assert (await services.sightings.forgotten.totals()).store_lost
    emptied = await store.caches_emptied(services, "ben", "")
    assert (emptied.sightings_lost, emptied.loss_ended) == (False, True)
    assert not (await store.caches_emptied(services, "ben", "")).loss_ended
    assert not (await services.sightings.forgotten.totals()).store_lost
    assert await unknowns_of(services, entry_id) == (ReceiptState.NOTHING, [])
    third = await entries.add(services, "a", [Signal("md5", "3" * 32)], "ana", "", timeout=60.0)
    assert third.purge and third.purge.summary.state is ReceiptState.NOTHING


async def test_before_the_refill_no_copy_is_known_to_be_gone_either(services: Services) -> None:
    """Nor can the caches be said to be empty: workers may not record again what they recorded before."""
    entry_id = await listed(services)
    await empty_the_store(services)
    with pytest.raises(Conflict, match="not repaired yet"):
        await store.caches_emptied(services, "ben", "")
    summary = (await receipts.of_entry(services, entry_id, 0, 100)).page.summary
    assert statements.unknowns(summary) == LOST
    made = await takedowns.create(services, TakedownRequest(signals=(LISTED,)), Requester("ana", "api"))
    assert made.purge.summary.state in (ReceiptState.UNKNOWN, ReceiptState.PURGING)
    await store.refill(services, "ben", "", timeout=60)
    await carry_out(services, Delivery.UNSUPPORTED)
    summary = (await receipts.of_takedown(services, made.status.takedown.id, 0, 100)).page.summary
    assert (summary.state, statements.unknowns(summary)) == (ReceiptState.UNKNOWN, LOST)


URL = Target("http", "photos.example", "/a.jpg")
HOST_PREFIX, FOLDER = Target("http", "photos.example", "/"), Target("http", "photos.example", "/folder/")
KINDS = {
    "hash": TakedownRequest(signals=(LISTED,)),
    "hash and list": TakedownRequest(signals=(LISTED,), list="a"),
    "url": TakedownRequest(urls=(URL,)),
    "prefix": TakedownRequest(prefixes=(FOLDER,)),
    "host": TakedownRequest(prefixes=(HOST_PREFIX,)),
    "all": TakedownRequest(urls=(URL,), prefixes=(FOLDER,), signals=(LISTED,)),
}
NO_PREFIXES = {Scope.PREFIX: Delivery.UNSUPPORTED, Scope.TAG: Delivery.UNSUPPORTED}
"""What caches that purge by URL alone make of orders."""


async def _state_of(services: Services, takedown_id: str) -> tuple[ReceiptState, list[str], str]:
    """By the receipt, which must agree with the list of takedowns."""
    await carry_out(services, by_scope=NO_PREFIXES)
    summary = (await receipts.of_takedown(services, takedown_id, 0, 100)).page.summary
    (recent,) = [each for each in await takedowns.recent(services, 10) if each.takedown.id == takedown_id]
    assert recent.summary and recent.summary.orders.state is summary.state
    return summary.state, statements.unknowns(summary), statements.statement(summary)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_takedown_after_a_loss_counts_the_emptied_caches(
    services: Services, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever is taken down, by caches that can't purge by prefix: not known to be gone until every cache was emptied.
    Then it is not said that Edgeward verified it."""
    # Summaries are kept as soon as they are unknown.
    monkeypatch.setattr("edgeward.operations.takedown_summary.REPEAT_MARGIN_SECONDS", -10_000.0)
    await listed(services)
    await empty_the_store(services)
    await store.refill(services, "ben", "", timeout=60)
    made = await takedowns.create(services, KINDS[kind], Requester("ana", "api"))
    takedown_id = made.status.takedown.id

    async def is_placed() -> bool:
        await carry_out(services, by_scope=NO_PREFIXES)
        return bool((await services.takedowns.get(takedown_id))[1].placed_at)

    await eventually(is_placed, "all orders are placed")
    state, unknown, text = await _state_of(services, takedown_id)
    assert (state, len(unknown)) == (ReceiptState.UNKNOWN, 4 if kind == "all" else 2)
    assert statements.EMPTIED not in text
    await store.caches_emptied(services, "ben", "")
    state, unknown, text = await _state_of(services, takedown_id)
    assert state in (ReceiptState.GONE, ReceiptState.NOTHING)
    assert unknown == []
    assert statements.EMPTIED in text
    # A second loss is another one.
    await empty_the_store(services)
    await store.refill(services, "ben", "", timeout=60)
    again = await takedowns.create(services, KINDS[kind], Requester("ana", "api"))
    takedown_id = again.status.takedown.id
    await eventually(is_placed, "all orders are placed")
    assert (await _state_of(services, takedown_id))[0] is ReceiptState.UNKNOWN


async def test_a_purge_by_hand_counts_the_emptied_caches(services: Services) -> None:
    """Ordered between the loss and the emptying, then after it."""
    await listed(services)
    await empty_the_store(services)
    await store.refill(services, "ben", "", timeout=60)

    async def purge() -> ReceiptState:
        ids = [each.order.id for each in (await purges.create(services, [[URL]], "ana", "")).orders]
        await carry_out(services, by_scope=NO_PREFIXES)
        return (await add_up(services, ids)).summary(complete=True).state

    assert await purge() is ReceiptState.UNKNOWN
    await store.caches_emptied(services, "ben", "")
    assert await purge() is ReceiptState.GONE


async def test_who_said_that_the_caches_were_emptied_is_on_record(services: Services) -> None:
    """Before it counts: if it can't be noted, it does not count."""
    await listed(services)
    await empty_the_store(services)
    await store.refill(services, "ben", "", timeout=60)
    with request_from("192.0.2.7"):
        await store.caches_emptied(services, "ben", "all were restarted")
    last = (await services.list_store.changes(await services.list_store.version() - 1))[0]
    assert (last.op, last.who, last.origin, last.why) == (
        "store.caches_emptied", "ben", "192.0.2.7", "all were restarted")  # fmt: skip


async def test_an_older_copy_with_the_same_lists_lacks_sightings(services: Services) -> None:
    """No process misses a list, but what was served meanwhile is not known: nothing that is listed then is "gone"."""
    await listed(services)
    before = await copy_of(services.store)
    await pass_lease_time(services.store, 60)
    await services.replica.compare_with_store()
    await bring_back(services.store, before)
    later = await entries.add(services, "a", [Signal("md5", "2" * 32)], "ana", "")
    await retromatched(services)
    await carry_out(services, Delivery.UNSUPPORTED)
    summary = (await receipts.of_entry(services, later.entries[0].id, 0, 100)).page.summary
    assert (summary.state, statements.unknowns(summary)) == (ReceiptState.UNKNOWN, LOST)
    refill = await store.refill(services, "ana", "")
    assert (refill.needed, refill.sightings_lost) == (False, True)
    await store.caches_emptied(services, "ana", "")
    assert not (await store.refill(services, "ana", "")).sightings_lost
