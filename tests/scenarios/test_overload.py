"""More new images than hashers can take: the queue is bounded, policy decides on the rest, other traffic flows on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.parts import require
from tests.scenarios.pictures import fresh, slow

from edgeward.demo.answer import Answer, ask
from edgeward.demo.edge import Edge, until
from edgeward.demo.origin import Origin

FLOOD = 16
QUEUE = 3
HTML = b"<!doctype html><p>ordinary</p>" * 50


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture(scope="module", params=["block", "deliver"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[Edge]:
    """One worker with one hasher, for whom three images may wait; `policy.overloaded` is the parameter."""
    require("redis-server")
    settings = {
        "proxy": {"upstream": f"http://{origin.address}", "workers": 1},
        "hashing": {"processes": 1, "queue": QUEUE, "timeout_ms": 20_000},
        "policy": {"overloaded": request.param},
    }
    with Edge(Path(tmp_path_factory.mktemp("overload")), settings) as running:
        yield running


def overloaded(edge: Edge, decision: str) -> float:
    return edge.metric(f'edgeward_responses_total{{reason="overloaded",verdict="{decision}"}}')


def test_a_flood_of_slow_images_harms_nothing_else(edge: Edge, origin: Origin, request: pytest.FixtureRequest) -> None:
    """While the hasher is at work on one slow image and more wait than may: known images and pages come as ever, the
    surplus is answered at once by policy and counted as overloaded, and afterwards new images are hashed again."""
    decision = request.node.callspec.params["edge"]
    known, new = fresh(), fresh()
    for photo in (known, new):
        origin.put(photo.path, photo.body, photo.media_type)
    origin.put("/page", HTML, "text/html")
    bodies = [slow(number) for number in range(FLOOD)]
    for number, body in enumerate(bodies):
        origin.put(f"/{decision}/{number}.png", body, "image/png")
    assert ask(edge.proxy, known.path).body == known.body
    before = overloaded(edge, decision)
    with ThreadPoolExecutor(FLOOD) as clients:
        flood = [clients.submit(ask, edge.proxy, f"/{decision}/{at}.png", timeout=60) for at in range(FLOOD)]
        until(lambda: overloaded(edge, decision) > before)
        ordinary = [ask(edge.proxy, path) for _ in range(15) for path in ("/page", known.path)]
        still_at_it = sum(not each.done() for each in flood)
        answers: list[Answer] = [each.result() for each in flood]
    # Thirty of them, one after the other, came before the flood was through: none stood in its queue.
    assert still_at_it > 0
    assert {answer.body for answer in ordinary} == {HTML, known.body}
    surplus = overloaded(edge, decision) - before
    assert surplus >= FLOOD - QUEUE - 3
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) == (surplus if decision == "block" else 0)
    assert not any(body in answer.body for answer in refused for body in bodies)
    assert ask(edge.proxy, new.path).body == new.body
