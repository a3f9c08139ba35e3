"""What was asked for and never judged is fetched again, judged and noted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from mitmproxy import http
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.pictures import jpeg, sha256

from edgeward.config import SightingsSettings
from edgeward.proxy import loose_ends
from edgeward.proxy.journal import Journal
from edgeward.proxy.loose_ends import LooseEnds
from edgeward.takedown.seen.sightings import Sightings
from edgeward.types import Target

IMAGE = ("Content-Type: image/jpeg",)


async def seen(worker: Worker) -> list[Target]:
    sightings = Sightings(worker.store, SightingsSettings())
    return [target for target, _ in await sightings.targets(sha256(jpeg()).value)]


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.02)


def loose(worker: Worker) -> LooseEnds:
    return worker.runtime.gate._loose


async def hang_up(worker: Worker, path: str, *headers: str) -> None:
    """Ask for something, go as soon as the upstream, which is held, has the request, and wait until that is noticed."""
    before = len(worker.upstream.seen)
    _, writer = await asyncio.open_connection(*worker.address)
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", "Host: img.test", *headers, "", ""]).encode("latin-1"))

    async def arrived() -> bool:
        return len(worker.upstream.seen) > before

    async def noticed() -> int:
        return len(loose(worker))

    await until(arrived)
    writer.close()
    await until(noticed)


async def test_a_client_that_hangs_up_leaves_nothing_unseen(worker: Worker) -> None:
    """The upstream may have stored what nobody waited for: it is noted byte for byte as it was asked for."""
    worker.upstream.put("/%61?x=1", jpeg(), *IMAGE, "Vary: Accept")
    worker.upstream.hold.clear()
    await hang_up(worker, "/%61?x=1", "Accept: image/webp")
    worker.upstream.hold.set()
    await until(lambda: seen(worker))
    (target,) = await seen(worker)
    assert (target.host, target.path, target.vary) == ("img.test", "/%61?x=1", (("accept", "image/webp"),))
    assert len(worker.upstream.seen) == 2


async def test_who_asked_is_not_written_down(worker: Worker) -> None:
    """Neither the file of requests under way nor the second request holds the client's credentials."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.upstream.hold.clear()
    await hang_up(worker, "/a", "Cookie: session=hush", "Authorization: Bearer hush", "Accept: image/png")
    written = loose(worker)._journal.path.read_bytes()
    worker.upstream.hold.set()
    await until(lambda: seen(worker))
    assert b"image/png" in written and b"hush" not in written
    first, second = worker.upstream.seen
    assert b"hush" in first and b"hush" not in second


async def test_what_is_judged_is_not_asked_again(worker: Worker) -> None:
    """One request of a client is one of ours, and nothing is left of it once it is on record."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    assert (await worker.get("/a")).status == 200
    await until(lambda: seen(worker))

    async def forgotten() -> bool:
        return len(loose(worker)._journal) == 0

    await until(forgotten)
    assert len(worker.upstream.seen) == 1


async def test_a_listed_image_that_nobody_waited_for_is_purged(worker: Worker) -> None:
    """It is ordered out like one that matched on its way through."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await worker.list(sha256(jpeg()))
    worker.upstream.hold.clear()
    await hang_up(worker, "/a")
    worker.upstream.hold.set()

    async def ordered() -> int:
        found: int = await worker.store.redis.xlen(worker.store.key("{purges}", "orders"))  # type: ignore[misc]
        return found

    await until(ordered)


async def test_what_came_before_the_lists_is_judged_when_they_are_there(worker: Worker) -> None:
    """The client is refused; the copy that the upstream may have made is noted."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    worker.runtime.replica.ready = False
    assert (await worker.get("/a")).status == 503

    async def looked_at_in_vain() -> bool:
        return len(worker.upstream.seen) >= 3  # the first look has ended when the second begins

    await until(looked_at_in_vain)
    assert await seen(worker) == []
    worker.runtime.replica.ready = True
    await until(lambda: seen(worker))


async def test_the_next_worker_looks_at_what_a_dead_one_left(start_worker: StartWorker, tmp_path: Path) -> None:
    """Its journal is taken over at the start."""
    first = await start_worker()
    first.upstream.put("/a", jpeg(), *IMAGE)
    upstream = f"http://{first.upstream.address}"
    dead = Journal(tmp_path / "under-way", upstream)
    dead.begin(b"http\r\n/a\r\nhost: img.test")
    dead.close()
    second = await start_worker(first.upstream.address)
    await until(lambda: seen(second))


async def test_an_upstream_that_is_away_is_asked_until_it_is_back(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of its own is no answer."""
    monkeypatch.setattr(loose_ends, "PAUSE_SECONDS", (0.01, 0.01))
    worker.upstream.put("/a", b"", status="503 Service Unavailable")
    ends = loose(worker)
    ends.again(ends._journal.begin(b"http\r\n/a\r\nhost: img.test"))

    async def asked() -> bool:
        return len(worker.upstream.seen) >= 3

    await until(asked)
    assert len(ends) == 1
    worker.upstream.put("/a", jpeg(), *IMAGE)
    await until(lambda: seen(worker))
    assert len(ends) == 0


async def test_a_request_that_nobody_let_go_of_is_looked_at(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it counts as unjudged."""
    worker.upstream.put("/a", jpeg(), *IMAGE)
    request = http.Request.make("GET", "http://img.test/a", headers={"Host": "img.test"})
    began = time.monotonic()
    loose(worker).begin(request)
    loose(worker)._remind(began + loose_ends.LATE_SECONDS)
    assert len(loose(worker)) == 0
    monkeypatch.setattr(loose_ends, "LATE_SECONDS", 0.1)
    await until(lambda: seen(worker))


async def test_one_request_is_looked_at_once(worker: Worker) -> None:
    """However often it was asked for, and no more are held than there is room for."""
    worker.upstream.hold.clear()
    ends = loose(worker)
    for path in ("/a", "/a", "/b"):
        ends.again(ends._journal.begin(f"http\r\n{path}\r\nhost: img.test".encode()))
    assert len(ends) == 2
    worker.upstream.hold.set()


async def test_a_page_without_images_is_done_with(start_worker: StartWorker) -> None:
    """It is looked at once and leaves nothing behind."""
    worker = await start_worker(hashing={"data_uris": True, "processes": 1})
    worker.upstream.put("/page", b"<p>hello", "Content-Type: text/html")
    worker.upstream.hold.clear()
    await hang_up(worker, "/page")
    worker.upstream.hold.set()

    async def done() -> bool:
        return len(worker.upstream.seen) == 2 and not loose(worker)._loose and len(loose(worker)._journal) == 0

    await until(done)
    assert [each async for each in Sightings(worker.store, SightingsSettings()).images()] == []
