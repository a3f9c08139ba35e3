"""Waiting for a listing to have its effect everywhere."""

import asyncio
import time

import pytest
from tests.control.controllers import Answer, Api, photo, told
from tests.control.edges import Edge, with_store

from edgeward.blocklist import rollcall
from edgeward.blocklist.rollcall import RollCall
from edgeward.control import settled
from edgeward.store.connection import Store


@pytest.fixture
def a_list(edge: Edge) -> str:
    """A block list of the edge's controller."""
    name = f"settled-{time.monotonic_ns()}"
    assert edge.api.post("/lists", {"name": name}).status == 201
    return name


def test_a_listing_that_waits_names_who_still_owes_it(edge: Edge, a_list: str) -> None:
    """An image seen and cached long before it is listed is gone from a cache that is not named; the dead one is, in
    every answer, after the time for which it was to wait. Who asks again learns of the orders of the first listing."""
    body = photo("chelsea")
    edge.serve("/cat.jpg", body)
    edge.see("/cat.jpg", body)
    began, path = time.monotonic(), f"/lists/{a_list}/entries"
    answer = told(
        lambda: edge.api.post(path, body, wait="verified", timeout=0.3),
        lambda listed: listed["purge"]["matched"] and listed["purge"]["owed"].keys() == {"dead"},
    )
    assert time.monotonic() - began >= 0.3
    assert not edge.holds("/cat.jpg")
    assert answer["active"] is True
    assert answer["purge"]["orders"] >= 1
    assert answer["purge"]["owed"] == {"dead": answer["purge"]["orders"]}
    again = edge.api.post(path, body, wait="verified", timeout=0.3).json["purge"]
    assert again == answer["purge"]
    purges = edge.api.get("/purges").json["purges"]
    assert len([each for each in purges if each["url"].endswith("/cat.jpg")]) == again["orders"]


def test_a_listing_that_matches_nothing_seen_owes_nothing(edge: Edge, a_list: str) -> None:
    """Nothing was seen, nothing is ordered, and the answer does not wait for the dead cache."""
    started = time.monotonic()
    answer = edge.api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "9" * 32]}, wait="verified").json
    assert answer["purge"] == {"orders": 0, "owed": {}, "matched": True}
    assert time.monotonic() - started < 15  # of 30


def test_a_process_that_does_not_follow_is_named(edge: Edge, a_list: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live process that does not apply the change keeps it from being "active", and is named."""
    monkeypatch.setattr(settled, "APPLY_SECONDS", 0.3)
    monkeypatch.setattr(rollcall, "LEASE_SECONDS", 600.0)
    entry = {"hashes": ["md5:" + "8" * 32]}
    statuses = set()

    def ask() -> Answer:
        answer = edge.api.post(f"/lists/{a_list}/entries", entry)
        statuses.add((answer.status, answer.json["active"]))
        return answer

    async def list_beside_a_stuck_process(store: Store) -> None:
        await RollCall(store).beat("stuck", 0)
        # The controller itself may need longer for once.
        await asyncio.to_thread(told, ask, lambda listed: listed["waiting_for"] == ["stuck"])
        await RollCall(store).leave("stuck")

    with_store(edge.config, list_beside_a_stuck_process)
    assert statuses == {(201, False)}
    assert edge.api.post(f"/lists/{a_list}/entries", entry).json["active"] is True


def test_an_acknowledgement_is_quick(api: Api) -> None:
    """A process says at once that it has applied an entry, not when it next calls in; then the answer comes."""
    assert api.post("/lists", {"name": "quick"}).status == 201
    times = []
    for number in range(1, 13):
        started = time.perf_counter()
        answer = api.post("/lists/quick/entries", {"hashes": [f"sha1:{number:040x}"]})
        times.append(time.perf_counter() - started)
        assert answer.json["active"] is True
    # After the first one each would wait for the whole time between two calls.
    assert sorted(times)[3] < rollcall.BEAT_SECONDS / 2
