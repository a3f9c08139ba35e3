"""The status through the API."""

import asyncio
import os
import socket
from typing import Any

import pytest
from tests.support.controllers import Answer, Api, ask_until
from tests.support.edges import Edge, with_store
from tests.support.eventually import until

from edgeward.lists.replication import membership
from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store


def test_lists_processes_and_uptime_are_shown(callers: dict[str, Api], a_list: str) -> None:
    """A viewer sees how much is listed, which processes live, and which version each has applied."""
    callers["operator"].post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "4" * 32]})
    assert callers["viewer"].get("/status").status == 200
    status = ask_until(lambda: callers["viewer"].get("/status"), lambda status: status["store"] == "connected")
    assert status["lists"] >= 1
    assert status["entries"] >= 1
    assert (status["ready"], status["caches"]) == (True, [])
    ours = [
        each for each in status["replicas"] if each["id"].startswith(f"{socket.gethostname()}/controller/{os.getpid()}")
    ]
    assert [each["version"] for each in ours] == [status["version"]]
    assert status["uptime_seconds"] > 0
    assert "4" * 32 not in str(status)


def test_a_process_that_is_behind_is_shown(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown with the version that it has applied."""
    monkeypatch.setattr(membership, "LEASE_SECONDS", 600.0)
    edge.api.post("/lists", {"name": "ahead"})

    async def ask_beside_one_that_is_behind(store: Store) -> Answer:
        await Membership(store).heartbeat("behind", 0)
        answer = await asyncio.to_thread(edge.api.get, "/status")
        await Membership(store).leave("behind")
        return answer

    status = with_store(edge.config, ask_beside_one_that_is_behind).json
    versions = {each["id"]: each["version"] for each in status["replicas"]}
    assert versions.pop("behind") == 0
    assert list(versions.values()) == [status["version"]]
    assert all(0 <= each["age"] < 600 for each in status["replicas"])


def test_a_cache_that_owes_is_shown_with_its_backlog(edge: Edge) -> None:
    """For the cache that is down, how many orders wait and for how long. The other one owes nothing."""
    edge.api.post("/purges", {"urls": ["http://photos.example/backlog"]})

    def caches() -> dict[str, Any]:
        return {cache["name"]: cache for cache in edge.api.get("/status").json["caches"]}

    until(lambda: caches()["edge"]["pending"] == 0 and caches()["dead"]["oldest_seconds"] > 0.2)
    assert caches()["dead"]["pending"] >= 1
    assert caches()["edge"] == {
        "name": "edge", "driver": "varnish", "pending": 0, "oldest_seconds": 0.0, "refused": 0, "configured": "here",
    }  # fmt: skip


def test_retromatching_keeps_up(edge: Edge) -> None:
    """The retromatched version reaches the version of the lists."""
    edge.api.post("/lists", {"name": "retromatched"})
    edge.api.post("/lists/retromatched/entries", {"hashes": ["md5:" + "3" * 32]})
    version = edge.api.get("/status").json["version"]
    until(lambda: edge.api.get("/status").json["retro_version"] >= version)
