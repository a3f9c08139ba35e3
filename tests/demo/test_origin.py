"""demo/origin.py: it behaves like the origin of a website."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest
from tests.support.eventually import until

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.origin import PROBE, Origin
from edgeward.origin_check.origin import USER_AGENT

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/photo", BODY)
        yield running


def _get(origin: Origin, path: str = "/photo", method: str = "GET", **headers: str) -> HttpResponse:
    return ask(origin.address, path, method, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_resource_is_served_with_headers_for_caches(origin: Origin) -> None:
    """The body comes byte for byte, with its type, freshness and validators."""
    answer = _get(origin)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, BODY, "image/jpeg")
    assert answer.header("Cache-Control") == "public, max-age=3600"
    assert answer.header("ETag") and answer.header("Last-Modified") and answer.header("Date")


def test_unknown_paths_are_404(origin: Origin) -> None:
    """A path without a resource is a 404."""
    assert _get(origin, "/nothing").status == 404


def test_a_query_does_not_change_the_resource(origin: Origin) -> None:
    """A path serves its resource with any query, as real websites do."""
    assert _get(origin, "/photo?a=1").body == BODY


def test_a_query_may_have_a_resource_of_its_own(origin: Origin) -> None:
    """A resource with a query is served for that query only."""
    origin.put("/photo?b=1", b"another")
    assert [_get(origin, path).body for path in ("/photo?b=1", "/photo?b=2")] == [b"another", BODY]


def test_a_response_can_be_delayed(origin: Origin) -> None:
    """`thought` delays the whole response."""
    origin.put("/slow", BODY, thought=0.2)
    assert _get(origin, "/slow").seconds >= 0.2


@pytest.mark.parametrize("pause", ["thought", "delay"])
def test_a_response_can_wait_for_an_event(origin: Origin, pause: str) -> None:
    """The response is complete after the event is set, and not before."""
    going_on, path = Event(), f"/held-{pause}"
    origin.put(path, BODY, **{pause: going_on})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(_get, origin, path)
        until(lambda: origin.count(path) == 1)
        assert not wait([answer], 0.1).done
        going_on.set()
        assert answer.result().body == BODY


def test_head_has_the_headers_without_the_body(origin: Origin) -> None:
    """HEAD has the Content-Length that GET would have."""
    answer = _get(origin, method="HEAD")
    assert (answer.body, answer.header("Content-Length")) == (b"", str(len(BODY)))


@pytest.mark.parametrize(
    ("wanted", "first", "end"), [("bytes=0-9", 0, 10), ("bytes=10000-", 10000, 10240), ("bytes=-5", 10235, 10240)]
)
def test_a_range_is_a_206(origin: Origin, wanted: str, first: int, end: int) -> None:
    """A single range gets a 206 with that part."""
    answer = _get(origin, Range=wanted)
    assert (answer.status, answer.body) == (206, BODY[first:end])
    assert answer.header("Content-Range") == f"bytes {first}-{end - 1}/10240"


def test_a_range_of_another_version_gets_the_whole(origin: Origin) -> None:
    """With an outdated validator in If-Range, the whole body is sent."""
    assert _get(origin, Range="bytes=0-9", If_Range='"old"').status == 200


def test_current_validators_get_a_304(origin: Origin) -> None:
    """If-None-Match and If-Modified-Since with current validators get a 304 without a body."""
    whole = _get(origin)
    by_tag = _get(origin, If_None_Match=whole.header("ETag") or "")
    by_date = _get(origin, If_Modified_Since=whole.header("Last-Modified") or "")
    assert (by_tag.status, by_tag.body, by_date.status) == (304, b"", 304)
    assert _get(origin, If_None_Match='"other"').status == 200


def test_unusual_responses_can_be_served(origin: Origin) -> None:
    """A missing Content-Type, a coding, chunks and another status are sent as configured."""
    origin.put("/odd", BODY, None, headers=[("Content-Encoding", "gzip")], chunked=True, status=203)
    answer = _get(origin, "/odd")
    assert (answer.status, answer.body, answer.header("Content-Type")) == (203, BODY, None)
    assert (answer.header("Content-Encoding"), answer.header("Transfer-Encoding")) == ("gzip", "chunked")
    assert answer.header("Content-Length") is None


def test_a_body_can_be_interrupted(origin: Origin) -> None:
    """`delay` pauses in the middle of the body."""
    origin.put("/slow", BODY, delay=0.2)
    started = time.monotonic()
    assert _get(origin, "/slow").body == BODY
    assert time.monotonic() - started >= 0.2


def test_requests_are_counted_but_probes_are_not(origin: Origin) -> None:
    """A probe gets a 404 with no-store and is not counted."""
    origin.put("/counted", BODY)
    for _ in range(3):
        _get(origin, "/counted")
    probe = _get(origin, "/counted", **{PROBE: "1"})
    assert (probe.status, probe.header("Cache-Control")) == (404, "no-store")
    assert origin.count("/counted") == 3


def test_requests_of_the_sweep_are_not_fetches(origin: Origin) -> None:
    """`count` includes the re-checks of the sweep, `fetches` does not."""
    origin.put("/swept", BODY)
    _get(origin, "/swept")
    _get(origin, "/swept", **{"User-Agent": USER_AGENT})
    assert (origin.count("/swept"), origin.fetches("/swept")) == (2, 1)


def test_it_ends(origin: Origin) -> None:
    """After `stop` nothing listens at the address."""
    with Origin() as short:
        address = short.address
    with pytest.raises(OSError):
        ask(address, "/")
