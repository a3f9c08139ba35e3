"""The doctor at a real Edgeward, asked through its API."""

from functools import partial
from typing import Any

import pytest
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import HOST
from edgeward.demo.stack import Placement, Stack


def _asked(edge: Edge, **body: object) -> dict[tuple[str, str], dict[str, Any]]:
    """The findings, by what they are about and which check made them."""
    answer = edge.api("POST", "/doctor", body)
    return {(each["about"], each["check"]): each for each in answer["findings"]}


@pytest.fixture(params=["front", "fill"])
def placed(request: pytest.FixtureRequest) -> tuple[Stack, Placement]:
    return request.getfixturevalue(request.param), request.param


def test_a_good_edge_and_one_whose_origin_fails(placed: tuple[Stack, Placement]) -> None:
    """All steps pass; if the origin fails, the finding says that it is not the proxy, and not the cache."""
    stack, placement = placed
    stack.origin.put("/doctor.txt", b"x", "text/plain")
    url = f"http://{stack.client_address}/doctor.txt"
    found = _asked(stack.edge, url=url)
    clients = {about: each["health"] for (about, check), each in found.items() if check == "client"}
    assert set(clients.values()) == {"ok"}
    assert len(clients) == (1 if placement == "front" else 2)
    stack.origin.put("/doctor.txt", b"x", "text/plain", status=503, headers=[("Cache-Control", "no-store")])
    found = _asked(stack.edge, url=url)
    assert found["proxy", "client"]["health"] == "fail"
    if placement == "front":
        assert "the origin behind the cache fails" in found["proxy", "client"]["detail"]
    else:
        cache = next(each for (about, check), each in found.items() if check == "client" and about != "proxy")
        assert (cache["health"], "the origin fails: it answers 503" in cache["detail"]) == ("fail", True)


def _is_seen(stack: Stack, url: str) -> bool:
    return bool(stack.edge.api("GET", f"/sightings?url={url}")["sightings"])


def _incidents(stack: Stack) -> list[Any]:
    found: list[Any] = stack.edge.api("GET", "/incidents?limit=1000")["incidents"]
    return found


def test_a_freshly_listed_image_is_left_alone(front: Stack) -> None:
    """The image seen last is listed: the doctor tests another one, makes no incidents, and can be run again."""
    harmless, listed = fresh(), fresh()
    for photo in (harmless, listed):
        front.serve(photo)
        assert front.get(photo.path).status == 200
        until(partial(_is_seen, front, f"http://{HOST}{photo.path}"), "it is on record")
    front.edge.add_image("removed", listed.body, wait=True)
    before = _incidents(front)
    for _ in range(2):
        found = _asked(front.edge)
        assert found["varnish", "object"]["health"] == "ok"
        assert found["proxy", "client"]["health"] == "ok"
    assert _incidents(front) == before
    urls = [each["url"] for each in front.edge.api("GET", "/sightings?limit=1000")["sightings"]]
    assert any(harmless.path in url for url in urls)
    assert max(url.count("edgeward-doctor") for url in urls) <= 1
    assert not [url for url in urls if listed.path in url and "edgeward-doctor" in url]
