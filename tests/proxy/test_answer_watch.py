"""Which requests that nobody answers are known to have left no copy."""

import pytest
from tests.proxy.conftest import StartWorker, Worker
from tests.proxy.unjudged import hang_up, unjudged
from tests.support.eventually import eventually

NGINX = {"name": "edge", "driver": "nginx", "url": "http://127.0.0.1:1"}
WITHHELD = {
    "private": ["X-Token: 1"],
    "cookie": ["Cookie: a=b"],
    "long": [f"X-Odd: {'x' * 2000}"],
    "long accept": [f"Accept: {'x' * 7000}"],
    "many": [f"X-{number}: 1" for number in range(120)],
    "repeated": ["Accept: image/png"] * 100,
}


async def _is_up(at: float, host: str) -> bool:
    return True


async def start(start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = await start_worker(caches=[NGINX])
    monkeypatch.setattr(unjudged(worker)._contact, "is_up_since", _is_up)
    return worker


def counts(worker: Worker) -> tuple[int, int]:
    """Unjudged, and pending."""
    report = unjudged(worker).report()
    return report.open_count, report.pending


@pytest.mark.parametrize("headers", WITHHELD.values(), ids=WITHHELD)
async def test_no_header_takes_the_word(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, headers: list[str]
) -> None:
    """What is not recorded of a request tells no variants apart where no response has named it in Vary; what every
    response may name is recorded, however long."""
    worker = await start(start_worker, monkeypatch)
    worker.upstream.put("/other", b"text", "Content-Type: text/plain", "Vary: Accept, Accept-Encoding")
    assert (await worker.get("/other")).status == 200
    worker.upstream.hold.clear()
    await hang_up(worker, "/silent", *headers)
    await eventually(lambda: counts(worker) == (0, 1))


@pytest.mark.parametrize(
    ("seen_at", "name"), [("/other", "X-Token"), ("/silent", "X-Token"), ("/silent", "Cookie"), ("/other", "X-Late")]
)
async def test_a_header_that_vary_named_does(
    start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch, seen_at: str, name: str
) -> None:
    """A private one of the host, any of the target: a cache may have stored the variant of that client alone."""
    worker = await start(start_worker, monkeypatch)
    worker.upstream.put(seen_at, b"text", "Content-Type: text/plain", f"Vary: {name}")
    long = f"{name}: {'x' * 3000}" if name == "X-Late" else f"{name}: 1"
    if name == "X-Late":
        # It was not yet named when the request came.
        worker.upstream.hold.clear()
        await hang_up(worker, "/silent", long)
        unjudged(worker).learn("img.test", ["x-late"])
    else:
        assert (await worker.get(seen_at)).status == 200
        worker.upstream.hold.clear()
        await hang_up(worker, "/silent", long)
    here = unjudged(worker)
    await eventually(lambda: any(each.tries > 1 for each in here._waiting.values()))
    assert counts(worker) == (1, 0)
