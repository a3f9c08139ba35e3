"""More new images than hashers can take: the queue is bounded, policy decides on the rest, other traffic flows on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.scenarios.pictures import fresh, slow
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import HttpResponse, ask
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
    """One worker with one hasher and a queue of three images; `policy.overloaded` is the parameter."""
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


@pytest.mark.measures_time
def test_a_flood_of_slow_images_harms_nothing_else(edge: Edge, origin: Origin, request: pytest.FixtureRequest) -> None:
    """While the hasher is busy and its queue is full, known images and pages are served as ever; images over the limit
    are answered at once by policy and counted as overloaded; afterwards new images are hashed again."""
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
        unfinished = sum(not each.done() for each in flood)
        answers: list[HttpResponse] = [each.result() for each in flood]
    # Thirty ordinary requests, one after the other, ended before the flood did: none waited in its queue.
    assert unfinished > 0
    assert {answer.body for answer in ordinary} == {HTML, known.body}
    over_limit = overloaded(edge, decision) - before
    assert over_limit >= FLOOD - QUEUE - 3
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) == (over_limit if decision == "block" else 0)
    assert not any(body in answer.body for answer in refused for body in bodies)
    assert ask(edge.proxy, new.path).body == new.body
