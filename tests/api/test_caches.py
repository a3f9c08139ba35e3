"""The caches of a real controller, and one that is written off."""

from tests.support.controllers import RunningController
from tests.support.edges import Edge, with_store

from edgeward.purging.orders import Orders
from edgeward.store.connection import Store


def test_caches_are_shown_and_written_off(edge: Edge) -> None:
    """Those that are configured stay; one that only the store knows is shown, and gone afterwards."""

    async def take_out(store: Store) -> None:
        await Orders(store).ensure_group("second")
        await store.redis.hset(store.key("{purges}", "nodes"), "second", f"{store.clock.now() - 100:.3f}")

    with_store(edge.config, take_out)
    shown = {each["name"]: each for each in edge.api.get("/caches").json["caches"]}
    assert {name: each["configured"] for name, each in shown.items()} == {
        "edge": "here", "dead": "here", "second": "nowhere",
    }  # fmt: skip
    assert edge.api.post("/caches/forget", {"name": "edge"}).status == 409
    answer = edge.api.post("/caches/forget", {"name": "second", "why": "sold"})
    assert (answer.status, answer.json["forgotten"]["configured"]) == (200, "nowhere")
    assert [each["name"] for each in edge.api.get("/caches").json["caches"]] == ["edge", "dead"]


def test_an_unknown_cache_is_not_forgotten(controller: RunningController) -> None:
    """And that is no error: it may have been forgotten by the same request before."""
    answer = controller.api.post("/caches/forget", {"name": "none-such"})
    assert (answer.status, answer.json["forgotten"]) == (200, None)


def test_a_cache_was_emptied(edge: Edge) -> None:
    """One that receives orders; of another nothing is recorded."""
    assert edge.api.post("/caches/emptied", {"name": "edge", "why": "restarted"}).json == {
        "name": "edge", "emptied": True,
    }  # fmt: skip
    assert edge.api.post("/caches/emptied", {"name": "none-such"}).json == {"name": "none-such", "emptied": False}
