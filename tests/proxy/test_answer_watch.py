"""Which requests are known to have no answer."""

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import add, unjudged
from tests.support.eventually import eventually

from edgeward.proxy import upstream_contact
from edgeward.proxy.upstream_contact import CONTACT_PATH

NGINX = {"name": "edge", "driver": "nginx", "url": "http://127.0.0.1:1"}


def pending(worker: Worker) -> int:
    return unjudged(worker).report().pending


def answer_contact(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upstream answers nothing but the question whether it is up."""
    refetcher = unjudged(worker)._contact._refetcher
    fetch = refetcher.fetch
    worker.upstream.hold.clear()

    async def fetch_apart(request: object, seconds: float) -> object:
        if request.path.startswith(CONTACT_PATH):  # type: ignore[attr-defined]
            unjudged(worker)._contact.answered()
            return None
        return await fetch(request, seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(refetcher, "fetch", fetch_apart)


async def test_a_request_is_pending_once_the_upstream_leaves_it_unanswered(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that a copy may be there. The same request again may have been answered, so it is looked at anew."""
    worker = await start_worker(caches=[NGINX])
    answer_contact(worker, monkeypatch)
    add(worker, "/a")
    assert pending(worker) == 0
    await eventually(lambda: pending(worker) == 1)
    sent = len(worker.upstream.seen)
    add(worker, "/a")
    assert pending(worker) == 1
    await eventually(lambda: pending(worker) == 2)
    assert len(worker.upstream.seen) > sent


async def test_an_upstream_that_stands_still_may_have_stored_it(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that is frozen answers nothing at all: what it holds is not known."""
    monkeypatch.setattr(upstream_contact, "CONTACT_SECONDS", 0.2)
    worker = await start_worker(caches=[NGINX])
    worker.upstream.hold.clear()
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: any(waiting.tries for waiting in here._waiting.values()))
    assert (pending(worker), here.report().open_count) == (0, 1)


async def test_headers_without_a_body_are_an_answer(start_worker: StartWorker) -> None:
    """The response has begun: a cache stores what comes of it."""
    worker = await start_worker(caches=[NGINX])
    worker.upstream.answers["GET /a"] = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n"
    add(worker, "/a")
    here = unjudged(worker)
    await eventually(lambda: any(waiting.answered for waiting in here._waiting.values()))
    assert all(here.journal.is_answered(number) for number in here._open.numbers)
    assert (pending(worker), here.report().open_count) == (0, 1)


async def test_an_error_says_nothing(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that had a response would not send a 503: nothing is stored, and it is asked again."""
    worker = await start_worker(caches=[NGINX])
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    add(worker, "/a")
    await eventually(lambda: pending(worker) == 1)


async def test_a_request_of_which_not_all_is_recorded_is_never_pending(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header was withheld by which a response may vary: another variant may have been answered and stored."""
    worker = await start_worker(caches=[NGINX])
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    here = unjudged(worker)
    here.retry(here.journal.begin(b"http\r\n/a\r\nhost: img.test\r\nx-api-key"))
    await eventually(lambda: any(waiting.tries for waiting in here._waiting.values()))
    assert pending(worker) == 0


async def test_behind_the_cache_a_request_is_pending_at_once(start_worker: StartWorker) -> None:
    """The cache has got nothing, and our own try does not go through it."""
    worker = await start_worker(proxy={"placement": "fill"})
    worker.upstream.hold.clear()
    here = unjudged(worker)
    for answered in (False, True):
        here.retry(here.journal.begin(f"http\r\n/{answered}\r\nhost: img.test".encode(), answered=answered))
    assert (pending(worker), here.report().open_count) == (1, 1)
