"""Hashers may crash, hang and be killed: it costs the image that they were at, and nothing else."""

import asyncio
import gc
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.hashing.pictures import encoded, jpeg

from edgeward import metrics
from edgeward.config import HashingSettings
from edgeward.errors import Unavailable
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.hashing.request import HashRequest
from edgeward.isolation.frames import LAYERS, SECCOMP
from edgeward.types import Flaw

SLOW = encoded(Image.new("P", (7900, 7900)), "PNG")
"""Small to hand over, flat, and more than half a second of decoding and hashing."""


@asynccontextmanager
async def running(**changes: int) -> AsyncIterator[HasherPool]:
    pool = HasherPool(HashingSettings(**changes))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
        assert pool.pids == []


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def restarts(cause: str) -> float:
    return metrics.registry.get_sample_value("edgeward_hasher_restarts_total", {"cause": cause}) or 0.0


async def test_many_at_once() -> None:
    """More images than hashers all get their own fingerprints, the same as in this process."""
    bodies = [jpeg((200 + step, 150)) for step in range(12)]
    async with running(processes=2) as pool:
        found = await asyncio.gather(*(pool.fingerprint(body) for body in bodies))
        coded = await pool.fingerprint(gzip.compress(bodies[0]), HashRequest(("gzip",), exact=True))
    assert found == [fingerprint(body, HashingSettings()) for body in bodies]
    assert coded == fingerprint(bodies[0], HashingSettings(), HashRequest(exact=True))


async def test_a_crash_costs_one_image() -> None:
    """SIGKILL on a hasher at work: that image is CRASHED with its digests, others are unharmed, and it is replaced."""
    before = restarts("crashed")
    async with running(processes=2, timeout_ms=30_000) as pool:
        await until(lambda: len(pool.pids) == 2)
        first = set(pool.pids)
        slow = [asyncio.create_task(pool.fingerprint(SLOW)) for _ in range(2)]
        await asyncio.sleep(0.2)
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        found = await asyncio.gather(*slow)
        assert sorted(str(one.flaw) for one in found) == ["crashed", "flat"]
        crashed = next(one for one in found if one.flaw is Flaw.CRASHED)
        assert crashed.sha256 == hashlib.sha256(SLOW).hexdigest()
        assert [one.type for one in crashed.signals] == ["sha256", "sha1", "md5"]
        assert crashed.media_type == "image/png"
        await until(lambda: len(pool.pids) == 2)
        assert victim not in pool.pids
        assert (await pool.fingerprint(jpeg())).flaw is None
    assert restarts("crashed") == before + 1


async def test_killing_idle_hashers_costs_nothing() -> None:
    """All hashers killed while idle: an image that comes in that moment is hashed by their successors."""
    async with running(processes=2) as pool:
        for _ in range(3):
            await until(lambda: len(pool.pids) == 2)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
            assert (await pool.fingerprint(jpeg())).flaw is None


async def test_a_hang_is_ended() -> None:
    """An image over its time is TIMEOUT, its hasher is killed and replaced, and the next image is hashed."""
    before = restarts("timeout")
    async with running(processes=1, timeout_ms=100) as pool:
        (pid,) = pool.pids
        found = await pool.fingerprint(SLOW)
        assert found.flaw is Flaw.TIMEOUT
        assert found.sha256 == hashlib.sha256(SLOW).hexdigest()
        await until(lambda: pool.pids not in ([pid], []))
    assert restarts("timeout") == before + 1


async def test_memory_is_bounded() -> None:
    """An image that needs more than memory_mb is CRASHED; the next one is hashed."""
    async with running(processes=1, memory_mb=384) as pool:
        assert (await pool.fingerprint(SLOW)).flaw is Flaw.CRASHED
        assert (await pool.fingerprint(jpeg())).flaw is None


async def test_a_full_queue_refuses_at_once() -> None:
    """With every hasher busy and the queue full one more image is OVERLOADED at once; those that wait are hashed."""
    async with running(processes=1, queue=2, timeout_ms=20_000) as pool:
        waiting = [asyncio.create_task(pool.fingerprint(body)) for body in (SLOW, jpeg(), jpeg())]
        await asyncio.sleep(0.05)
        started = time.monotonic()
        refused = await pool.fingerprint(jpeg())
        assert time.monotonic() - started < 0.1
        assert refused.flaw is Flaw.OVERLOADED
        assert [found.flaw for found in await asyncio.gather(*waiting)] == [Flaw.FLAT, None, None]


async def test_waiting_is_bounded() -> None:
    """An image for which no hasher is free within twice the time limit is OVERLOADED."""
    async with running(processes=1, timeout_ms=100) as pool:
        os.kill(pool.pids[0], signal.SIGSTOP)
        started = time.monotonic()
        flaws = [found.flaw for found in await asyncio.gather(*(pool.fingerprint(jpeg()) for _ in range(4)))]
        assert time.monotonic() - started < 3
        assert set(flaws) <= {Flaw.OVERLOADED, None}
        assert Flaw.OVERLOADED in flaws


async def test_cancelled_callers_waste_no_hasher() -> None:
    """A client that leaves, before or while its image is hashed, leaves the hasher as it was."""
    async with running(processes=1, timeout_ms=20_000) as pool:
        pids = pool.pids
        tasks = [asyncio.create_task(pool.fingerprint(body)) for body in (SLOW, jpeg(), jpeg(), jpeg())]
        await asyncio.sleep(0.1)
        for task in tasks[:3]:
            task.cancel()
        assert (await tasks[3]).flaw is None
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert pool.pids == pids


async def test_too_many_bytes_never_reach_a_hasher() -> None:
    """A body over max_bytes is TOO_LARGE, with its digests."""
    async with running(processes=1, max_bytes=1024) as pool:
        found = await pool.fingerprint(jpeg())
    assert (found.flaw, found.sha256) == (Flaw.TOO_LARGE, hashlib.sha256(jpeg()).hexdigest())


async def test_the_event_loop_never_stalls() -> None:
    """While 30 MB bodies go to hashers and one of them fails there, the loop never pauses for 50 ms."""
    large = jpeg() + bytes(30_000_000)
    # What thousands of other tests have left in this process is not the pool's to collect.
    gc.collect()
    gc.freeze()
    async with running(processes=2, timeout_ms=30_000) as pool:
        await until(lambda: len(pool.pids) == 2)
        work = asyncio.gather(*(pool.fingerprint(large, HashRequest(codings)) for codings in ((), ("gzip",), ())))
        worst, last = 0.0, time.thread_time()
        while not work.done():
            await asyncio.sleep(0)
            now = time.thread_time()
            worst, last = max(worst, now - last), now
        assert [found.flaw for found in await work] == [None, Flaw.BAD_CODING, None]
    gc.unfreeze()
    assert worst < 0.05


async def test_closing_answers_everyone() -> None:
    """Images that are being hashed or wait when the pool closes get an answer, and so do later ones."""
    async with running(processes=1, timeout_ms=20_000) as pool:
        tasks = [asyncio.create_task(pool.fingerprint(body)) for body in (SLOW, jpeg())]
        await asyncio.sleep(0.1)
        await pool.close()
        assert [found.flaw for found in await asyncio.gather(*tasks)] == [Flaw.CRASHED, Flaw.OVERLOADED]
        assert (await pool.fingerprint(jpeg())).flaw is Flaw.OVERLOADED


async def test_hashers_that_do_not_start_are_an_error() -> None:
    """A pool whose hashers can't start says so instead of waiting for ever."""
    pool = HasherPool(HashingSettings().model_copy(update={"memory_mb": 64}))
    with pytest.raises(Unavailable, match="hasher"):
        await pool.start()


def isolation() -> dict[str, float | None]:
    return {layer: metrics.registry.get_sample_value("edgeward_hasher_isolation", {"layer": layer}) for layer in LAYERS}


async def test_isolation_is_told() -> None:
    """A pool knows which layers isolate its hashers, and the metrics do."""
    async with running(processes=1) as pool:
        layers = pool.layers
        assert layers is not None
        assert isolation() == {layer: float(layer in layers) for layer in LAYERS}
    assert pool.layers is None


async def test_a_missing_layer_is_no_end_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where libseccomp is unusable images are hashed all the same; the log says it once, and the metrics."""
    (tmp_path / "libseccomp.so.2").write_text("no library")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path), prepend=os.pathsep)
    async with running(processes=2) as pool:
        await until(lambda: len(pool.pids) == 2)
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert SECCOMP not in (pool.layers or ())
    assert isolation()[SECCOMP] == 0
    told = [record.message for record in caplog.records if SECCOMP in record.message]
    assert len(told) == 1
    assert told[0].startswith("hashers run without seccomp:")


def test_the_parent_loads_no_decoder() -> None:
    """Whoever holds a pool imports neither Pillow nor numpy: hostile bytes have nothing there to break."""
    code = "import sys, edgeward.hashing.hashers.pool; sys.exit('PIL' in sys.modules or 'numpy' in sys.modules)"
    source = str(Path(__file__).parents[3] / "addons")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}).returncode == 0
