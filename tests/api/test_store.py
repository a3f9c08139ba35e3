"""The refill of the store through the API."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.controllers import Api, RunningController, settings
from tests.support.edges import with_store
from tests.support.eventually import until

from edgeward.store.connection import Store


@pytest.fixture
def own(redis_url: str, tmp_path: Path) -> Iterator[RunningController]:
    """A controller of the test's own, with a list and an entry."""
    with RunningController(settings(redis_url, tmp_path)) as running:
        running.api.post("/lists", {"name": "a"})
        running.api.post("/lists/a/entries", {"hashes": ["md5:" + "1" * 32]})
        yield running


async def _emptied(store: Store) -> None:
    async for keys in store.scan(f"{store.namespace}:*"):
        await store.redis.delete(*keys)


def _lose(controller: RunningController) -> None:
    with_store(controller.config, _emptied)
    until(lambda: controller.api.get("/readyz").json["store_lost_data"], "the loss is noticed")


def test_a_loss_is_shown_and_repaired(own: RunningController) -> None:
    """Ready with a reason, no change accepted, then everything as it was."""
    _lose(own)
    ready = own.api.get("/readyz")
    assert ready.status == 200
    assert "edgeward store refill" in ready.json["reasons"][0]
    assert own.api.get("/status").json["store_lost_data"] is True
    assert own.api.post("/lists/a/entries", {"hashes": ["md5:" + "2" * 32]}).status == 503
    assert own.api.get("/lists/a/entries").status == 503
    assert own.api.post("/store/refill", {"caches_emptied": True}).status == 409
    assert [each["name"] for each in own.api.get("/lists").json["lists"]] == ["a"]
    answer = own.api.post("/store/refill", {"why": "a test"})
    assert (answer.status, answer.json["refill"]["entries"]) == (200, 1)
    assert own.api.get("/readyz").json["reasons"] == []
    assert len(own.api.get("/lists/a/entries").json["entries"]) == 1
    assert own.api.post("/lists/a/entries", {"hashes": ["md5:" + "2" * 32]}).status == 201
    assert answer.json["sightings_lost"] is True
    assert own.api.get("/status").json["forgotten"]["store_lost"] is True
    emptied = own.api.post("/store/refill", {"caches_emptied": True})
    assert (emptied.status, emptied.json["needed"], emptied.json["sightings_lost"]) == (200, False, False)
    assert own.api.get("/status").json["forgotten"]["store_lost"] is False


def test_a_controller_that_starts_after_the_loss_is_not_ready(redis_url: str, tmp_path: Path) -> None:
    """It answers 503 with the reason, but its doctor runs, and it is ready once the lists are given up."""
    config = settings(redis_url, tmp_path)
    with RunningController(config) as earlier:
        earlier.api.post("/lists", {"name": "a"})
        earlier.api.post("/lists/a/entries", {"hashes": ["md5:" + "1" * 32]})
        recorded = tmp_path / "applied-lists.json"
        until(lambda: json.loads(recorded.read_text())["entries"] == 1, "the machine records what it applied")
        _lose(earlier)
    later = RunningController(config)
    later.start()
    try:
        until(lambda: later.api.get("/readyz").json["store_lost_data"], "the loss is noticed")
        assert later.api.get("/readyz").status == 503
        refused = later.api.get("/lists")
        assert (refused.status, "edgeward store refill" in refused.json["detail"]) == (503, True)
        assert later.api.post("/doctor", {}).status == 200
        assert later.api.post("/store/refill", {"accept_empty": True}).json["refill"]["mode"] == "accepted"
        assert later.api.get("/readyz").status == 200
    finally:
        later.stop()


def test_without_a_loss_nothing_is_done(api: Api) -> None:
    """200, and not needed."""
    assert api.post("/store/refill", {}).json["needed"] is False
