"""demo/origin.py: it behaves like the origin of a site."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from edgeward.demo.answer import Answer, ask
from edgeward.demo.edge import until
from edgeward.demo.origin import PROBE, Origin
from edgeward.takedown.sweep.origin import SWEEPER

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/photo", BODY)
        yield running


def _get(origin: Origin, path: str = "/photo", method: str = "GET", **headers: str) -> Answer:
    return ask(origin.address, path, method, {name.replace("_", "-"): value for name, value in headers.items()})


def test_it_serves_what_it_was_given_with_what_caches_need(origin: Origin) -> None:
    """The body comes byte for byte, with its type, freshness and validators."""
    answer = _get(origin)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, BODY, "image/jpeg")
    assert answer.header("Cache-Control") == "public, max-age=3600"
    assert answer.header("ETag") and answer.header("Last-Modified") and answer.header("Date")


def test_unknown_paths_are_404(origin: Origin) -> None:
    """What was not put up is not found."""
    assert _get(origin, "/nothing").status == 404


def test_a_query_does_not_change_the_resource(origin: Origin) -> None:
    """One photograph has many URLs, as on real sites."""
    assert _get(origin, "/photo?a=1").body == BODY


def test_a_query_may_have_a_resource_of_its_own(origin: Origin) -> None:
    """What was put up with a query is served for that query alone."""
    origin.put("/photo?b=1", b"another")
    assert [_get(origin, path).body for path in ("/photo?b=1", "/photo?b=2")] == [b"another", BODY]


def test_it_can_take_its_time_to_think(origin: Origin) -> None:
    """Nothing of an answer comes before that."""
    origin.put("/slow", BODY, thought=0.2)
    assert _get(origin, "/slow").seconds >= 0.2


@pytest.mark.parametrize("pause", ["thought", "delay"])
def test_it_waits_until_it_is_told_to_go_on(origin: Origin, pause: str) -> None:
    """The whole answer comes then, and not before."""
    going_on, path = Event(), f"/held-{pause}"
    origin.put(path, BODY, **{pause: going_on})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(_get, origin, path)
        until(lambda: origin.count(path) == 1)
        assert not wait([answer], 0.1).done
        going_on.set()
        assert answer.result().body == BODY


def test_head_has_the_headers_without_the_body(origin: Origin) -> None:
    """HEAD gives the length that GET would have."""
    answer = _get(origin, method="HEAD")
    assert (answer.body, answer.header("Content-Length")) == (b"", str(len(BODY)))


@pytest.mark.parametrize(
    ("wanted", "first", "end"), [("bytes=0-9", 0, 10), ("bytes=10000-", 10000, 10240), ("bytes=-5", 10235, 10240)]
)
def test_a_range_is_a_206(origin: Origin, wanted: str, first: int, end: int) -> None:
    """One range is served as such, at its place."""
    answer = _get(origin, Range=wanted)
    assert (answer.status, answer.body) == (206, BODY[first:end])
    assert answer.header("Content-Range") == f"bytes {first}-{end - 1}/10240"


def test_a_range_of_another_version_gets_the_whole(origin: Origin) -> None:
    """If-Range with a validator that no longer holds voids the range."""
    assert _get(origin, Range="bytes=0-9", If_Range='"old"').status == 200


def test_conditions_that_hold_are_304(origin: Origin) -> None:
    """If-None-Match and If-Modified-Since with the present validators get no body."""
    whole = _get(origin)
    by_tag = _get(origin, If_None_Match=whole.header("ETag") or "")
    by_date = _get(origin, If_Modified_Since=whole.header("Last-Modified") or "")
    assert (by_tag.status, by_tag.body, by_date.status) == (304, b"", 304)
    assert _get(origin, If_None_Match='"other"').status == 200


def test_the_oddities_of_sites_can_be_played(origin: Origin) -> None:
    """No Content-Type, a coding, chunks and another status are sent as told."""
    origin.put("/odd", BODY, None, headers=[("Content-Encoding", "gzip")], chunked=True, status=203)
    answer = _get(origin, "/odd")
    assert (answer.status, answer.body, answer.header("Content-Type")) == (203, BODY, None)
    assert (answer.header("Content-Encoding"), answer.header("Transfer-Encoding")) == ("gzip", "chunked")
    assert answer.header("Content-Length") is None


def test_a_slow_body_takes_its_time(origin: Origin) -> None:
    """The delay falls within the body."""
    origin.put("/slow", BODY, delay=0.2)
    started = time.monotonic()
    assert _get(origin, "/slow").body == BODY
    assert time.monotonic() - started >= 0.2


def test_requests_are_counted_but_probes_are_not(origin: Origin) -> None:
    """A probe is answered 404, must not be kept, and leaves no trace in the count."""
    origin.put("/counted", BODY)
    for _ in range(3):
        _get(origin, "/counted")
    probe = _get(origin, "/counted", **{PROBE: "1"})
    assert (probe.status, probe.header("Cache-Control")) == (404, "no-store")
    assert origin.count("/counted") == 3


def test_looks_of_the_sweep_are_told_apart(origin: Origin) -> None:
    """They are requests like any other, but nothing is served by them."""
    origin.put("/swept", BODY)
    _get(origin, "/swept")
    _get(origin, "/swept", **{"User-Agent": SWEEPER})
    assert (origin.count("/swept"), origin.fetches("/swept")) == (2, 1)


def test_it_ends(origin: Origin) -> None:
    """After stop nothing listens any more."""
    with Origin() as short:
        address = short.address
    with pytest.raises(OSError):
        ask(address, "/")
