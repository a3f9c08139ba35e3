"""Which responses a cache sent stale, and what it fetches meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from tests.proxy.conftest import StartWorker, Worker
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy import unjudged_requests
from edgeward.proxy.stale_responses import STALE_TRIES, is_stale
from edgeward.purging.orders import Orders
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings

IMAGE = ("Content-Type: image/jpeg",)

DATE = "Mon, 30 Nov 2026 08:00:00 GMT"
TEN_LATER = "Mon, 30 Nov 2026 08:00:10 GMT"


def headers(**values: str) -> http.Headers:
    return http.Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()])


@pytest.mark.parametrize(
    "response",
    [
        {"Age": "2", "Cache_Control": "public, max-age=1"},
        {"Age": "10", "Cache_Control": "MAX-AGE=10, public"},
        {"Age": "6", "Cache_Control": "max-age=100, s-maxage=5"},
        {"Age": "6", "Cache_Control": 's-maxage="5"'},
        {"Age": "11", "Date": DATE, "Expires": TEN_LATER},
        {"Age": "1", "Expires": "0"},
        {"Age": "121"},
        {"Warning": '110 - "Response is Stale"'},
        {"Warning": '199 a "x", 111 b "Revalidation Failed"'},
        {"Cache_Status": "Edge; hit; ttl=-4"},
        {"X_Cache_Status": "UPDATING"},
        {"X_Cache": "HIT, STALE"},
    ],
)
def test_what_is_stale(response: dict[str, str]) -> None:
    """By its age and its lifetime, or since the cache says so."""
    assert is_stale(headers(**response))


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"Cache_Control": "max-age=0"},
        {"Age": "0", "Cache_Control": "max-age=0"},
        {"Age": "9", "Cache_Control": "max-age=10"},
        {"Age": "9", "Cache_Control": "max-age=1, s-maxage=10"},
        {"Age": "9", "Cache_Control": "stale-while-revalidate=1, x-max-age=2, max-age=10"},
        {"Age": "9", "Date": DATE, "Expires": TEN_LATER},
        {"Age": "119"},
        {"Age": "many", "Cache_Control": "max-age=1"},
        {"Warning": '214 - "Transformation Applied"'},
        {"Cache_Status": "Edge; fwd=stale; fwd-status=200; ttl=40"},
        {"X_Cache_Status": "HIT"},
        {"X_Cache": "MISS from stalemate"},
    ],
)
def test_what_is_fresh(response: dict[str, str]) -> None:
    """What was just fetched, or may still be reused."""
    assert not is_stale(headers(**response))


@given(age=st.text(), cache_control=st.text(), expires=st.text(), date=st.text())
def test_any_header_is_read(age: str, cache_control: str, expires: str, date: str) -> None:
    """None of them raises anything."""
    fields = {"age": age, "cache-control": cache_control, "expires": expires, "date": date}
    pairs = [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in fields.items()]
    is_stale(http.Headers([*pairs]))
    is_stale(http.Headers([(b"age", b"5"), *pairs[2:]]))


async def test_what_a_cache_fetches_in_the_background_is_judged(worker: Worker) -> None:
    """After a stale response, of whatever kind: the request is sent again until a fresh one comes."""
    stale = ("Age: 5", "Cache-Control: max-age=1")
    worker.upstream.put("/a", jpeg("coffee"), *IMAGE, *stale)
    worker.upstream.put("/b", b"text", "Content-Type: text/plain", *stale)
    worker.upstream.put("/c", b"", *stale, status="301 Moved", method="HEAD")
    worker.upstream.put("/c", b"", "Location: /a", *stale, status="301 Moved")
    for path, method in (("/a", "GET"), ("/b", "GET"), ("/c", "HEAD")):
        await worker.get(path, method=method)
        worker.upstream.put(path, jpeg(), *IMAGE, "Age: 0")

    async def all_seen() -> bool:
        found = await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)
        return {target.path for target, _ in found} == {"/a", "/b", "/c"}

    await eventually(all_seen)


async def test_what_stays_stale_is_not_asked_for_without_end(worker: Worker) -> None:
    """A cache may keep its copies longer than it says: they are not purged, and not asked for at each request."""
    worker.upstream.put("/a", jpeg(), *IMAGE, "Age: 5", "Cache-Control: max-age=1")
    await worker.get("/a")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    asked = len(worker.upstream.seen)
    assert asked == 2 + STALE_TRIES
    await worker.get("/a")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    assert len(worker.upstream.seen) == asked + 1
    assert await Orders(worker.store).recent() == []


async def test_stale_responses_make_nothing_else_wait(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many requests wait, those that were only stale are not sent again."""
    monkeypatch.setattr(unjudged_requests, "MAX_WAITING", 0)
    worker.upstream.put("/a", jpeg(), *IMAGE, "Age: 5", "Cache-Control: max-age=1")
    await worker.get("/a")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    assert len(worker.upstream.seen) == 1
    assert await Orders(worker.store).recent() == []


async def test_behind_the_cache_nothing_is_stale(start_worker: StartWorker) -> None:
    """What the origin sends reaches the cache through the gate."""
    worker = await start_worker(proxy={"placement": "fill"})
    worker.upstream.put("/a", jpeg(), *IMAGE, "Age: 5", "Cache-Control: max-age=1")
    await worker.get("/a")
    await eventually(lambda: len(worker.runtime.gate.unjudged_requests.journal) == 0)
    assert len(worker.upstream.seen) == 1
