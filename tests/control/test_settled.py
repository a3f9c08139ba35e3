"""Waiting for a listing to have its effect everywhere."""

import asyncio
import time

import pytest
from tests.control.controllers import Answer, Api, photo
from tests.control.edges import Edge, with_store

from edgeward.blocklist.rollcall import RollCall
from edgeward.store.connection import Store


@pytest.fixture
def a_list(edge: Edge) -> str:
    """A block list of the edge's controller."""
    name = f"settled-{time.monotonic_ns()}"
    assert edge.api.post("/lists", {"name": name}).status == 201
    return name


def test_a_listing_that_waits_names_who_still_owes_it(edge: Edge, a_list: str) -> None:
    """An image seen and cached long before it is listed is gone when the answer comes; the dead cache is named."""
    body = photo("chelsea")
    edge.serve("/cat.jpg", body)
    edge.see("/cat.jpg", body)
    answer = edge.api.post(f"/lists/{a_list}/entries", body, wait="verified", timeout=2).json
    assert not edge.holds("/cat.jpg")
    assert answer["active"] is True
    assert answer["purge"]["matched"] is True
    assert answer["purge"]["orders"] >= 1
    assert answer["purge"]["owed"] == {"dead": answer["purge"]["orders"]}


def test_a_listing_that_matches_nothing_seen_owes_nothing(edge: Edge, a_list: str) -> None:
    """Nothing was seen, nothing is ordered, and the answer does not wait for the dead cache."""
    started = time.monotonic()
    answer = edge.api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "9" * 32]}, wait="verified").json
    assert answer["purge"] == {"orders": 0, "owed": {}, "matched": True}
    assert time.monotonic() - started < 5


def test_listing_again_waits_for_the_same_orders(edge: Edge, a_list: str) -> None:
    """Who asks again after a timeout learns of the orders that the first listing placed."""
    body = photo("coffee", (300, 200))
    edge.see("/again.jpg", body)
    path = f"/lists/{a_list}/entries"
    first = edge.api.post(path, body, wait="verified", timeout=1).json["purge"]
    again = edge.api.post(path, body, wait="verified", timeout=1).json["purge"]
    assert first["orders"] >= 1
    assert again == first


def test_a_process_that_does_not_follow_is_named(edge: Edge, a_list: str) -> None:
    """A live process that does not apply the change keeps it from being "active", and is named after three seconds."""
    entry = {"hashes": ["md5:" + "8" * 32]}

    async def list_beside_a_stuck_process(store: Store) -> Answer:
        rollcall = RollCall(store)

        async def call_in() -> None:
            while True:
                await rollcall.beat("stuck", 0)
                await asyncio.sleep(0.2)

        await rollcall.beat("stuck", 0)
        calling = asyncio.create_task(call_in())
        answer = await asyncio.to_thread(edge.api.post, f"/lists/{a_list}/entries", entry)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await rollcall.leave("stuck")
        return answer

    answer = with_store(edge.config, list_beside_a_stuck_process)
    assert answer.status == 201
    assert (answer.json["active"], answer.json["waiting_for"]) == (False, ["stuck"])


def test_an_acknowledgement_is_quick(api: Api) -> None:
    """With every process alive, an entry acts everywhere within 50 ms, the answer included."""
    assert api.post("/lists", {"name": "quick"}).status == 201
    times = []
    for number in range(1, 21):
        started = time.perf_counter()
        answer = api.post("/lists/quick/entries", {"hashes": [f"sha1:{number:040x}"]})
        times.append(time.perf_counter() - started)
        assert answer.json["active"] is True
    assert sorted(times)[len(times) // 2] < 0.05
