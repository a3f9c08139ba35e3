"""The doctor through the API."""

import asyncio
from pathlib import Path

from tests.store.conftest import server as server
from tests.store.server import Server
from tests.support.controllers import Api, RunningController, settings
from tests.support.edges import Edge, with_store

from edgeward.purging.orders import Orders
from edgeward.purging.refused_retries import RefusedRetry
from edgeward.store.connection import Store


def test_everything_is_checked(edge: Edge) -> None:
    """Store, lists, clock, proxy, hashers and each cache, in one call. A cache that is down is a failure."""
    url = edge.serve("/doctors.jpg", b"harmless")
    answer = edge.api.post("/doctor", {"url": url}).json
    by_check = {(each["about"], each["check"]): each["health"] for each in answer["findings"]}
    assert {about for about, _ in by_check} == {
        "store",
        "lists",
        "clock",
        "state_dir",
        "proxy",
        "hashers",
        "edge",
        "dead",
    }
    assert by_check["edge", "object"] == "ok"
    assert by_check["dead", "purge"] == "fail"
    assert answer["well"] is False
    assert not edge.holds("/doctors.jpg")


def test_without_caches_it_says_so(api: Api) -> None:
    """A controller without caches purges nothing: that is a warning."""
    findings = api.post("/doctor", {}).json["findings"]
    assert [each["health"] for each in findings if each["about"] == "caches"] == ["warn"]


def test_a_bad_url_is_named(api: Api) -> None:
    """The answer is 422, and nothing is checked."""
    answer = api.post("/doctor", {"url": "not a url"})
    assert (answer.status, answer.json["key"]) == (422, "url")
    assert "not a url" in answer.json["detail"]


def test_operators_only(callers: dict[str, Api]) -> None:
    """Findings name addresses, which viewers must not see."""
    assert callers["viewer"].post("/doctor", {}).status == 403
    assert callers["operator"].post("/doctor", {}).status == 200


async def test_it_runs_while_the_store_is_away(server: Server, tmp_path: Path) -> None:
    """It says why the store can't be used, and checks all else: the lists are in memory still."""
    config = settings(server.url, tmp_path, store={"url": server.url, "namespace": "away", "timeout_ms": 500})

    def examined() -> dict[tuple[str, str], dict[str, str]]:
        with RunningController(config) as running:
            server.kill()
            answer = running.api.post("/doctor", {})
            assert (answer.status, answer.json["well"]) == (200, False)
            return {(each["about"], each["check"]): each for each in answer.json["findings"]}

    found = await asyncio.to_thread(examined)
    assert found["store", "connection"]["health"] == "fail"
    assert "no server listens on the socket" in found["store", "connection"]["detail"]
    assert found["store", "data"]["health"] == "skipped"  # what it has is not known
    assert ("hashers", "isolation") in found


def test_a_cache_that_takes_the_doctors_purge_gets_what_it_refused(edge: Edge) -> None:
    """Otherwise it would be well, and its purges would go on waiting. A cache that fails keeps what it refused."""

    async def refuse(store: Store) -> None:
        for cache in ("edge", "dead"):
            await Orders(store).refused_retries.note(cache, [RefusedRetry("1-0/1.000", "", False)])

    async def left(store: Store) -> list[int]:
        retries = Orders(store).refused_retries
        return [await store.redis.scard(retries.keys(cache)[0]) for cache in ("edge", "dead")]

    with_store(edge.config, refuse)
    edge.api.post("/doctor", {})
    assert with_store(edge.config, left) == [0, 1]
