"""How many requests are sent again at the same time, and of whom."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.proxy.conftest import Worker
from tests.proxy.unjudged import IMAGE, add, seen, slow_fetches, unjudged
from tests.support.eventually import eventually
from tests.support.proxy_pictures import jpeg

from edgeward.proxy import retry_places
from edgeward.proxy.retry_places import MAX_FETCHES, MAX_FETCHES_PER_HOST, MAX_RETRIES, RetryPlaces
from edgeward.proxy.unjudged_request import UnjudgedRequest


@pytest.fixture
async def slow() -> Any:
    """The tasks that read a slow body."""
    return set()


@pytest.fixture
async def places(slow: Any) -> AsyncIterator[RetryPlaces]:
    places = RetryPlaces(slow)
    yield places
    for fetch in places.fetches:
        fetch.cancel()


def take(places: RetryPlaces, host: str = "a.test", client: str = "one", tries: int = 0) -> asyncio.Task[None]:
    request = UnjudgedRequest(f"http\r\n/\r\nhost: {host}".encode(), [], 30.0, client)
    request.tries = tries
    fetch = asyncio.create_task(asyncio.sleep(600.0))
    places.take(fetch, request)
    return fetch


async def test_a_host_and_retries_take_some_places(places: RetryPlaces, slow: Any) -> None:
    """And never all. What reads a slow body has none."""
    fetches = [take(places, tries=number % 2) for number in range(MAX_FETCHES_PER_HOST)]
    assert not places.hosts()("a.test") and places.hosts()("b.test")
    assert places.may_retry and places.is_free
    fetches += [take(places, "b.test", tries=1) for _ in range(MAX_RETRIES - MAX_FETCHES_PER_HOST // 2)]
    assert not places.may_retry and places.is_free
    while len(places) < MAX_FETCHES:
        take(places, "c.test")
    assert not places.is_free
    slow.add(fetches[0])
    assert places.is_free and places.hosts()("a.test")
    assert places.end(fetches[1]).host == "a.test"
    assert (len(places), len(places.fetches)) == (MAX_FETCHES - 2, MAX_FETCHES - 1)


async def test_a_try_that_waits_for_headers_gives_up_its_place(
    places: RetryPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first one does, as far as its client has a share; it takes a place again when they are here."""
    monkeypatch.setattr(retry_places, "MAX_SILENT", 3)
    monkeypatch.setattr(retry_places, "MAX_SILENT_PER_CLIENT", 2)
    ones = [take(places) for _ in range(3)]
    other, retry, last = take(places, client="other"), take(places, client="other", tries=1), take(places, client="x")
    assert [places.leave_silent(fetch) for fetch in ones] == [True, True, False]
    assert [places.leave_silent(fetch) for fetch in (other, retry, last)] == [True, False, False]
    assert not places.leave_silent(other)  # it has none any more
    assert len(places) == 3
    places.answer(ones[0])
    assert len(places) == 4
    places.end(ones[1])
    assert places.leave_silent(last)
    for fetch in places.fetches:
        places.end(fetch)
    assert (len(places), places.fetches, places._silent, places._silent_by_client) == (0, [], {}, {})
    assert not places.leave_silent(other)


async def test_silent_ones_make_nobody_wait(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more than there are places are asked at the same time, and another is judged meanwhile."""
    sent = slow_fetches(worker, monkeypatch, ends=False)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    for number in range(3 * MAX_FETCHES):
        add(worker, f"/slow{number}")
    add(worker, "/a")
    await eventually(lambda: len(sent) == 3 * MAX_FETCHES)
    await eventually(lambda: seen(worker))
    assert len(unjudged(worker)) == 3 * MAX_FETCHES


async def test_headers_of_a_response_take_a_place(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """So no more bodies are read and judged at the same time than before."""
    here, judging = unjudged(worker), asyncio.Event()
    judge, places = here._repeater._judge.judge, here._places

    async def slowly(*args: Any) -> Any:
        await judging.wait()
        return await judge(*args)

    monkeypatch.setattr(here._repeater._judge, "judge", slowly)
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    add(worker, "/a")
    await eventually(lambda: worker.upstream.seen and not len(places))
    assert len(places.fetches) == 1
    worker.upstream.hold.set()
    await eventually(lambda: len(places) == 1)
    judging.set()
    await eventually(lambda: seen(worker))
    await eventually(lambda: not places.fetches and not places._silent)
