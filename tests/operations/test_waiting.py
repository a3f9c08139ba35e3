"""Waiting until a listing is active, and until it is carried out in every cache."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.controllers import Answer, Api, ask_until, photo
from tests.support.edges import Edge, with_store

from edgeward.background.polling import Polling
from edgeward.lists.replication import membership
from edgeward.lists.replication.membership import Membership, UnjudgedByReplica
from edgeward.operations import waiting
from edgeward.operations.services import Services
from edgeward.purging.cache_nodes import KnownNode
from edgeward.purging.orders import PurgeResult
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.retromatch.progress import Progress
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, Entry, HashList, Outcome, PurgeOrder, Scope, Signal, Target, placed_at


@pytest.fixture
def a_list(edge: Edge) -> str:
    """A block list of the edge's controller."""
    name = f"waiting-{time.monotonic_ns()}"
    assert edge.api.post("/lists", {"name": name}).status == 201
    return name


def test_a_listing_that_waits_names_who_still_owes_it(edge: Edge, a_list: str) -> None:
    """An image seen and cached before it is listed is gone from the cache that is up. The dead one is named in every
    answer, after the timeout. Listed again, it is purged again: the answer is about the orders of both listings."""
    body = photo("chelsea")
    edge.serve("/cat.jpg", body)
    edge.see("/cat.jpg", body)
    began, path = time.monotonic(), f"/lists/{a_list}/entries"
    answer = ask_until(
        lambda: edge.api.post(path, body, wait="verified", timeout=0.3),
        lambda listed: listed["purge"]["matched"] and listed["purge"]["owed"].keys() == {"dead"},
    )
    assert time.monotonic() - began >= 0.3
    assert not edge.holds("/cat.jpg")
    assert answer["active"] is True
    assert answer["purge"]["orders"] >= 1
    assert answer["purge"]["owed"] == {"dead": answer["purge"]["orders"]}
    edge.serve("/cat.jpg", body)  # a worker that was cut off let it through once more
    again = ask_until(
        lambda: edge.api.post(path, body, wait="verified", timeout=20),
        lambda listed: listed["purge"]["matched"],
    )
    assert not edge.holds("/cat.jpg")
    purge, first = again["purge"], answer["purge"]
    assert purge["orders"] > first["orders"]
    assert purge["owed"] == {"dead": purge["orders"]}
    purges = edge.api.get("/purges").json["purges"]
    assert len([each for each in purges if each["url"].endswith("/cat.jpg")]) == purge["orders"]


def test_a_listing_that_matches_nothing_seen_owes_nothing(edge: Edge, a_list: str) -> None:
    """Nothing was seen, so nothing is ordered, and the answer does not wait for the dead cache."""
    started = time.monotonic()
    answer = edge.api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "9" * 32]}, wait="verified").json
    purge = answer["purge"]
    assert {key: purge[key] for key in ("orders", "owed", "refused", "matched", "unjudged", "state")} == {
        "orders": 0, "owed": {}, "refused": {}, "matched": True, "unjudged": 0, "state": "nothing"}  # fmt: skip
    assert "gone" not in purge["statement"]
    assert time.monotonic() - started < 15  # of 30


async def test_a_process_that_was_only_slow_is_waited_for(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is back within seconds: nobody need look into it. One that is silent for longer is named at once."""
    monkeypatch.setattr(waiting, "APPLY_SECONDS", 60.0)
    monkeypatch.setattr(membership, "RETURN_SECONDS", 50.0)
    monkeypatch.setattr(membership, "LEASE_SECONDS", 20.0)
    members, version = Membership(services.store), await services.list_store.version() + 1
    await services.list_store.create_list(HashList("a"), "me")
    for name, seconds in (("slow", 30), ("gone", 300)):
        await members.heartbeat(name, 0)
        key = services.store.key("{blocklist}", "replicas")
        fields = (await services.store.redis.hget(key, name)).decode().split()
        fields[12] = f"{float(fields[12]) - seconds:.6f}"
        await services.store.redis.hset(key, name, " ".join(fields))
    task = asyncio.create_task(waiting.wait_applied(services.list_store, version))
    await asyncio.sleep(0)
    await members.heartbeat("slow", version)
    status = await task
    assert (status.active, status.waiting_for, [each.name for each in status.silent]) == (False, [], ["gone"])


def test_a_process_that_lags_behind_is_named(edge: Edge, a_list: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a live process has not applied the change, it is not `active`, and the process is named."""
    monkeypatch.setattr(waiting, "APPLY_SECONDS", 0.3)
    monkeypatch.setattr(membership, "LEASE_SECONDS", 600.0)
    entry = {"hashes": ["md5:" + "8" * 32]}
    statuses = set()

    def ask() -> Answer:
        answer = edge.api.post(f"/lists/{a_list}/entries", entry)
        statuses.add((answer.status, answer.json["active"]))
        return answer

    async def list_beside_a_stuck_process(store: Store) -> None:
        await Membership(store).heartbeat("stuck", 0)
        # On a busy machine the controller itself may be named too at first.
        await asyncio.to_thread(ask_until, ask, lambda listed: listed["waiting_for"] == ["stuck"])
        await Membership(store).leave("stuck")

    with_store(edge.config, list_beside_a_stuck_process)
    assert statuses == {(201, False)}
    assert edge.api.post(f"/lists/{a_list}/entries", entry).json["active"] is True


def test_an_acknowledgement_is_quick(api: Api) -> None:
    """A process reports an applied change at once, not with its next heartbeat."""
    assert api.post("/lists", {"name": "quick"}).status == 201
    times = []
    for number in range(1, 13):
        started = time.perf_counter()
        answer = api.post("/lists/quick/entries", {"hashes": [f"sha1:{number:040x}"]})
        times.append(time.perf_counter() - started)
        assert answer.json["active"] is True
    # With the heartbeat, each one after the first would wait for a full period.
    assert sorted(times)[3] < membership.HEARTBEAT_SECONDS / 2


async def test_looks_become_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a listing is not matched, the store is asked at growing intervals, of which the first are short."""
    pauses: list[float] = []

    class Instant(Polling):
        async def pause(self) -> None:
            pauses.append(self.next_seconds())

    class Retromatch:
        async def version(self) -> int:
            return 7 if len(pauses) == 40 else 6

        async def orders_of_each(self, versions: Sequence[int]) -> list[list[str] | None]:
            return []

    async def nothing_known() -> dict[str, KnownNode]:
        return {}

    class Orders:
        nodes, key_mismatches = SimpleNamespace(all=nothing_known), SimpleNamespace(recent=nothing_known)
        controllers, clock = SimpleNamespace(differing_caches=dict), SimpleNamespace(placed_at=placed_at)

        async def ids_of_entries(self, ids: Sequence[str]) -> list[str]:
            return []

        async def wait_done(self, ids: Sequence[str], caches: Sequence[str], timeout: float) -> dict[str, int]:
            return {}

        async def get_many(self, ids: Sequence[str]) -> list[object]:
            return []

        async def wait_unjudged(self, caches: Sequence[str], timeout: float) -> Unjudged:
            return Unjudged()

    class Forgotten:
        async def emptied_at(self) -> float:
            return 0.0

        async def lost(self) -> dict[str, int]:
            return {}

    class Lists:
        async def pending_requests(self) -> int:
            return 0

        async def wait_judged_by_each(self, timeout: float) -> UnjudgedByReplica:
            return UnjudgedByReplica()

    monkeypatch.setattr(waiting, "Polling", Instant)
    services: Any = SimpleNamespace(
        retromatch=Retromatch(), orders=Orders(), list_store=Lists(), sightings=SimpleNamespace(forgotten=Forgotten()),
        replica=SimpleNamespace(loss=None), store=SimpleNamespace(clock=SimpleNamespace(now=time.time)),
        caches=(), accepted_is_enough=(), config=SimpleNamespace(caches=(), scan_exceptions=()),
    )  # fmt: skip
    status = await waiting.wait_purged(services, 7, [], set(), 600.0)
    assert status.matched
    assert (pauses[0], max(pauses)) == (0.003, 0.05)
    assert pauses == sorted(pauses)


async def test_of_forgotten_targets_the_latest_order_counts(services: Services) -> None:
    """Also where twelve orders were placed within a millisecond: their ids, as texts, end with the tenth."""
    place = Target("http", "photos.example", "/u/")
    order = PurgeOrder(place, Cause.LISTING, time.time(), entry_id="e", scope=Scope.PREFIX, forgotten=3)
    latest = (await services.orders.place([order] * 12))[-1]
    for name in services.caches:
        await services.orders.take(name, "tests", 100, 1)
        done = Outcome(latest, name, Delivery.VERIFIED, time.time())
        await services.orders.record_results(name, [PurgeResult(latest, done)])
    status = await waiting.wait_purged(services, 0, [], {"e"}, 0.2)
    assert (status.orders, status.summary.forgotten) == (12, {})


async def test_new_entries_do_not_wait_for_earlier_changes(services: Services) -> None:
    """A long list that is still being matched holds up no answer for others, but that for entries listed before."""
    await services.list_store.create_list(HashList("a"), "me")
    await services.retromatch.close()
    signals = [Signal("md5", f"{number:032x}") for number in range(2)]
    earlier, later = await services.list_store.add_entries([Entry("a", signal) for signal in signals], "me")
    await Progress(services.store).record_matched({later.version: []})
    assert earlier.entry

    async def is_matched(known: frozenset[str]) -> bool:
        return (await waiting.wait_purged(services, later.version, [later], known, timeout=0.1)).matched

    assert await is_matched(frozenset())
    assert not await is_matched(frozenset({earlier.entry.id}))
    assert not (await waiting.wait_purged(services, 99, [], frozenset(), timeout=0.1)).matched
