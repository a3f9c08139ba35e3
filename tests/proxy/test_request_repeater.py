"""A recorded request is sent again, and its response judged and recorded."""

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.support.programs import free_port
from tests.support.proxy_pictures import jpeg, sha256

from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import unpack
from edgeward.proxy.request_repeater import Repeated, RequestRepeater
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings

RECORD = b"http\r\n/%61?\xe9\r\nhost: img.test\r\naccept: image/webp"


def repeater(worker: Worker) -> RequestRepeater:
    return worker.runtime.gate.unjudged_requests._repeater


@pytest.mark.parametrize(
    ("status", "result"),
    [
        *[(status, Repeated.JUDGED) for status in ("200 OK", "301 Moved", "404 Not Found", "410 Gone", "451 No")],
        *[(status, Repeated.JUDGED) for status in ("400 Bad", "401 No", "403 No", "405 Method")],
        *[(status, Repeated.NOT_JUDGEABLE) for status in ("206 Part", "406 No", "407 No", "414 Long", "431 Long")],
        *[(status, Repeated.TRY_AGAIN) for status in ("408 Late", "425 Early", "429 Many", "500 No", "503 Later")],
    ],
)
async def test_what_a_status_tells(worker: Worker, status: str, result: Repeated) -> None:
    """Some say what the target has; some say nothing about it, now or ever."""
    worker.upstream.put("/%61?\xe9", b"text", "Content-Type: text/plain", status=status)
    assert await repeater(worker).repeat(RECORD, 10) is result


REFUSALS = ("400 Bad", "401 No", "403 No", "405 Method")


async def test_a_refusal_tells_nothing_to_whoever_may_be_another(worker: Worker) -> None:
    """A cache, or the origin, may have admitted the client by what is not recorded of its request: then it holds what
    it does not give to us. Whatever else a browser sends, it refuses the same."""
    pack = repeater(worker).recorded_headers.pack
    for name, result in (
        *((name, Repeated.NOT_JUDGEABLE) for name in ("Authorization", "Cookie", "Referer", "User-Agent", "X-Real-IP")),
        *((name, Repeated.NOT_JUDGEABLE) for name in ("X-Api-Key", "Sec-Fetch-Site", "X-Forwarded-For", "Via")),
        *((name, Repeated.JUDGED) for name in ("Cache-Control", "Range", "If-None-Match", "DNT", "Traceparent")),
    ):
        request = unpack(RECORD).request
        request.headers[name] = "1"
        for status in REFUSALS:
            worker.upstream.put("/%61?\xe9", b"text", "Content-Type: text/plain", status=status)
            assert await repeater(worker).repeat(pack(request), 10) is result, (name, status)


async def test_the_origin_tells_nothing_by_a_refusal(start_worker: StartWorker) -> None:
    """In `fill` no cache is asked: what the origin refuses now, it may have given to the cache before."""
    worker = await start_worker(proxy={"placement": "fill"})
    for status in REFUSALS:
        worker.upstream.put("/%61?\xe9", b"text", "Content-Type: text/plain", status=status)
        assert await repeater(worker).repeat(RECORD, 10) is Repeated.NOT_JUDGEABLE, status


async def test_an_image_with_a_refusal_is_recorded(worker: Worker) -> None:
    """A cache may store it like any other."""
    worker.upstream.put("/%61?\xe9", jpeg(), "Content-Type: image/jpeg", status="403 No")
    assert await repeater(worker).repeat(RECORD, 10) is Repeated.JUDGED
    await worker.runtime.gate._actions._recorder.flush()
    assert len(await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)) == 1


async def test_an_image_is_recorded(worker: Worker) -> None:
    """With its variant and its length, and it is known to the gate from now on."""
    worker.upstream.put("/%61?\xe9", jpeg(), "Vary: Accept", "Content-Type: text/plain")
    assert await repeater(worker).repeat(RECORD, 10) is Repeated.JUDGED
    await worker.runtime.gate._actions._recorder.flush()
    ((target, _),) = await Sightings(worker.store, SightingsSettings()).targets(sha256(jpeg()).value)
    assert (target.path, target.vary, target.size) == ("/%61?\xe9", (("accept", "image/webp"),), len(jpeg()))
    assert worker.runtime.gate._cache.get(target) is not None


async def test_an_image_that_is_too_large_is_not_recorded(start_worker: StartWorker) -> None:
    """As in transit, where policy.too_large decides."""
    worker = await start_worker(hashing={"max_bytes": 2000, "processes": 1})
    worker.upstream.put("/%61?\xe9", jpeg(), "Content-Type: image/jpeg")
    assert await repeater(worker).repeat(RECORD, 10) is Repeated.JUDGED


async def test_no_answer_is_no_judgement(start_worker: StartWorker) -> None:
    """Neither from an upstream that is down, nor from one that breaks off, nor from one that is too slow."""
    down = await start_worker(f"127.0.0.1:{free_port()}")
    assert await repeater(down).repeat(RECORD, 10) is Repeated.TRY_AGAIN
    worker = await start_worker()
    worker.upstream.put("/%61?\xe9", jpeg()[:500], "Content-Length: 5000", "Connection: close")
    assert await repeater(worker).repeat(RECORD, 10) is Repeated.TRY_AGAIN
    worker.upstream.hold.clear()
    assert await repeater(worker).repeat(RECORD, 0.05) is Repeated.TRY_AGAIN


async def test_before_the_lists_are_loaded_nothing_is_judged(worker: Worker) -> None:
    """It is asked for again when they are."""
    worker.upstream.put("/%61?\xe9", jpeg(), "Content-Type: image/jpeg")
    worker.runtime.replica.ready = False
    assert not repeater(worker).ready
    assert await repeater(worker).repeat(RECORD, 10) is Repeated.TRY_AGAIN


def test_the_target_of_a_request() -> None:
    """Byte for byte, one character a byte."""
    target = target_of_request(unpack(RECORD).request)
    assert (target.scheme, target.host, target.path, target.vary) == ("http", "img.test", "/%61?\xe9", ())


async def test_a_variant_that_no_other_response_names(worker: Worker) -> None:
    """The origin may name in Vary what only that request had: it is sent again with it, or the target is purged."""
    worker.upstream.put("/%61?\xe9", b"text", "Content-Type: text/plain")
    record = worker.runtime.gate.unjudged_requests._repeater.recorded_headers.pack
    for header, result in (("X-Other", Repeated.JUDGED), ("X-Session", Repeated.NOT_JUDGEABLE)):
        request = unpack(RECORD).request
        request.headers[header] = "1"
        assert await repeater(worker).repeat(record(request), 10) is result
    assert b"x-other: 1" in worker.upstream.seen[0].lower()
    assert b"x-session" not in worker.upstream.seen[1].lower()
