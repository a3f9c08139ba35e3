"""Hashers may crash, hang and be killed: that costs the image they were hashing, and nothing else."""

import asyncio
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.hashing.hashers.conftest import GATED, HELD, Gate
from tests.hashing.pictures import encoded, jpeg
from tests.support.eventually import eventually

from edgeward import metrics
from edgeward.background.fair_queue import Source
from edgeward.errors import Unavailable
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers import hasher as hasher_module
from edgeward.hashing.hashers import pool as module
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.hashing.undecoded_fingerprint import undecoded_fingerprint
from edgeward.isolation.protocol import LAYERS, SECCOMP
from edgeward.settings.config import HashingSettings
from edgeward.types import Fingerprint, Flaw

LONG, SHORT = 60.0, 0.05
"""Time limits in seconds: one that no image reaches, and one that soon passes."""


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[HasherPool]:
    """A pool with these settings, by default with a long time limit."""
    pool = HasherPool(HashingSettings(**{"timeout_ms": int(1000 * LONG), **changes}))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
        assert pool.pids == []


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


async def test_a_crash_costs_one_image(gate: Gate) -> None:
    """If a busy hasher is killed, its image is CRASHED with its digests, others are hashed, and it is replaced."""
    before = restarts("crashed")
    async with running(processes=2, signals=GATED) as pool:
        held = [asyncio.create_task(pool.fingerprint(HELD)) for _ in range(2)]
        await eventually(lambda: len(gate.begun) == 2)
        victim, other = gate.begun
        os.kill(victim, signal.SIGKILL)
        gate.open(other)
        found = await asyncio.gather(*held)
        assert {one.flaw for one in found} == {Flaw.CRASHED, None}
        crashed = next(one for one in found if one.flaw)
        assert crashed.sha256 == hashlib.sha256(HELD).hexdigest()
        assert [one.type for one in crashed.signals] == ["sha256", "sha1", "md5"]
        assert crashed.media_type == "image/jpeg"
        await eventually(lambda: len(pool.pids) == 2)
        assert victim not in pool.pids
        assert (await pool.fingerprint(jpeg())).flaw is None
    assert restarts("crashed") == before + 1


async def test_killing_idle_hashers_costs_nothing() -> None:
    """If all hashers are killed while idle, an image that comes then, or soon after, is hashed by the new ones."""
    async with running(processes=2) as pool:
        await eventually(lambda: len(pool.pids) == 2)
        for noticed in (False, True):
            killed = pool.pids
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            if noticed:
                await eventually(lambda killed=killed: set(killed).isdisjoint(pool.pids))
            assert (await pool.fingerprint(jpeg())).flaw is None


async def test_a_hanging_hasher_is_killed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that takes too long is TIMEOUT, its hasher is killed and replaced, and the next image is hashed."""
    before, begin = restarts("timeout"), Hasher.begin

    async def short_once_begun(hasher: Hasher, body: bytes, request: HashRequest) -> None:
        await begin(hasher, body, request)
        pool.time_limit = SHORT

    async with running(processes=1, signals=GATED) as pool:
        (pid,) = pool.pids
        with monkeypatch.context() as patch:
            patch.setattr(Hasher, "begin", short_once_begun)
            found = await pool.fingerprint(HELD)
        assert found.flaw is Flaw.TIMEOUT
        assert found.sha256 == hashlib.sha256(HELD).hexdigest()
        pool.time_limit = LONG
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert pool.pids not in ([pid], [])
    assert restarts("timeout") == before + 1


async def test_a_frozen_hasher_costs_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hasher that does not accept an image within the time limit is replaced, and the new one hashes it."""
    before, begin = restarts("timeout"), Hasher.begin

    async def long_for_the_next(hasher: Hasher, body: bytes, request: HashRequest) -> None:
        pool.time_limit = LONG
        await begin(hasher, body, request)

    monkeypatch.setattr(Hasher, "begin", long_for_the_next)
    async with running(processes=1) as pool:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        pool.time_limit = SHORT
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert pid not in pool.pids
    assert restarts("timeout") == before + 1


async def test_memory_is_bounded() -> None:
    """An image that needs more than memory_mb is CRASHED; the next one is hashed."""
    async with running(processes=1, memory_mb=384) as pool:
        assert (await pool.fingerprint(encoded(Image.new("P", (7900, 7900)), "PNG"))).flaw is Flaw.CRASHED
        assert (await pool.fingerprint(jpeg())).flaw is None


async def test_waiting_is_bounded(gate: Gate) -> None:
    """While every hasher is busy, an image is OVERLOADED if none is free within twice the time limit, or at once if the
    queue is full; those that wait are hashed."""
    async with running(processes=1, queue=2, signals=GATED) as pool:
        held = asyncio.create_task(pool.fingerprint(HELD))
        await eventually(lambda: gate.begun)
        pool.time_limit = SHORT
        assert (await pool.fingerprint(jpeg())).flaw is Flaw.OVERLOADED
        pool.time_limit = LONG
        waiting = [asyncio.create_task(pool.fingerprint(jpeg())) for _ in range(2)]
        await eventually(lambda: pool.waiting == 2)
        async with asyncio.timeout(LONG / 2):  # not after twice the limit
            assert (await pool.fingerprint(jpeg())).flaw is Flaw.OVERLOADED
        assert not held.done()
        gate.open(*gate.begun)
        assert [found.flaw for found in await asyncio.gather(held, *waiting)] == [None, None, None]


CROWD, OTHER = Source("crowded.test", "10.0.0.1"), Source("quiet.test", "10.0.0.2")


async def test_one_source_does_not_delay_another(gate: Gate) -> None:
    """An image of another host and client is the next one hashed, however many wait; if the queue is full, an image of
    the crowd is dropped for it."""
    async with running(processes=1, queue=20, signals=GATED) as pool:
        held = asyncio.create_task(pool.fingerprint(HELD, source=CROWD))
        await eventually(lambda: gate.begun)
        crowd = [asyncio.create_task(pool.fingerprint(jpeg(), source=CROWD)) for _ in range(20)]
        await eventually(lambda: pool.waiting == 20)
        done = list[str]()
        crowd[0].add_done_callback(lambda _: done.append("crowd"))
        crowd[1].add_done_callback(lambda _: done.append("crowd"))
        other = asyncio.create_task(pool.fingerprint(jpeg(), source=OTHER))
        other.add_done_callback(lambda _: done.append("other"))
        assert (await crowd[-1]).flaw is Flaw.OVERLOADED
        gate.open(*gate.begun)
        assert (await other).flaw is None
        await asyncio.gather(held, *crowd)
    assert done.index("other") < 2


async def test_slow_sources_leave_one_hasher_to_others(gate: Gate) -> None:
    """A client whose images take long occupies all hashers but one, under whatever hosts; another's image is hashed."""
    async with running(processes=2, signals=GATED) as pool:
        pool._slow_sources.add(CROWD, 5.0)
        await pool.fingerprint(jpeg(), source=OTHER)  # there are others
        sources = [Source(f"{number}.test", CROWD.client) for number in range(6)]
        slow = [asyncio.create_task(pool.fingerprint(HELD, source=source)) for source in sources]
        await eventually(lambda: gate.begun)
        for _ in range(3):
            assert (await pool.fingerprint(jpeg(), source=OTHER)).flaw is None
        assert pool.waiting == 5
        gate.open(*pool.pids)
        assert {found.flaw for found in await asyncio.gather(*slow)} == {None}


async def test_slow_sources_alone_have_all_hashers(gate: Gate) -> None:
    """A hasher is left idle only where others were seen lately."""
    async with running(processes=2, signals=GATED) as pool:
        await eventually(lambda: len(pool.pids) == 2)
        pool._slow_sources.add(CROWD, 5.0)
        slow = [asyncio.create_task(pool.fingerprint(HELD, source=CROWD)) for _ in range(2)]
        await eventually(lambda: len(gate.begun) == 2)
        gate.open(*pool.pids)
        await asyncio.gather(*slow)


async def test_cancelled_callers_waste_no_hasher(gate: Gate) -> None:
    """A client that leaves before or while its image is hashed costs no hasher."""
    async with running(processes=1, signals=GATED) as pool:
        pids = pool.pids
        tasks = [asyncio.create_task(pool.fingerprint(body)) for body in (HELD, jpeg(), jpeg(), jpeg())]
        await eventually(lambda: gate.begun and pool.waiting == 3)
        for task in tasks[:3]:
            task.cancel()
        await asyncio.wait(tasks[:3])
        gate.open(*pids)
        assert (await tasks[3]).flaw is None
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert pool.pids == pids


async def test_too_many_bytes_never_reach_a_hasher() -> None:
    """A body over max_bytes is TOO_LARGE, with its digests."""
    async with running(processes=1, max_bytes=1024) as pool:
        found = await pool.fingerprint(jpeg())
    assert (found.flaw, found.sha256) == (Flaw.TOO_LARGE, hashlib.sha256(jpeg()).hexdigest())


async def test_large_bodies_do_not_block_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of 30 MB are sent in slices, and bodies too large for hashers are digested in a thread."""
    large, written, most = jpeg() + bytes(30_000_000), 0, 0
    threads: list[int] = []
    write = asyncio.StreamWriter.write

    def counted(writer: asyncio.StreamWriter, data: bytes) -> None:
        nonlocal written
        written += len(data)
        write(writer, data)

    def noted(*arguments: Any) -> Fingerprint:
        threads.append(threading.get_ident())
        return undecoded_fingerprint(*arguments)

    monkeypatch.setattr(asyncio.StreamWriter, "write", counted)
    monkeypatch.setattr(module, "undecoded_fingerprint", noted)
    async with running(processes=2, max_bytes=len(large)) as pool:
        asked = [(large, ()), (large, ("gzip",)), (large + b"x", ())]
        work = asyncio.gather(*(pool.fingerprint(body, HashRequest(codings)) for body, codings in asked))
        while not work.done():
            written = 0
            await asyncio.sleep(0)
            most = max(most, written)
        assert [found.flaw for found in await work] == [None, Flaw.BAD_CODING, Flaw.TOO_LARGE]
    assert most < len(large) / 5
    assert threads and threading.get_ident() not in threads


async def test_closing_answers_everyone(gate: Gate) -> None:
    """Images being hashed or waiting when the pool closes get an answer, and so do later ones."""
    async with running(processes=1, signals=GATED) as pool:
        tasks = [asyncio.create_task(pool.fingerprint(body)) for body in (HELD, jpeg())]
        await eventually(lambda: gate.begun and pool.waiting)
        await pool.close()
        assert [found.flaw for found in await asyncio.gather(*tasks)] == [Flaw.CRASHED, Flaw.OVERLOADED]
        assert (await pool.fingerprint(jpeg())).flaw is Flaw.OVERLOADED


async def test_hashers_that_do_not_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool whose hashers can't start raises Unavailable instead of waiting for ever."""
    monkeypatch.setattr(hasher_module, "_WORKER", "no_such_module")
    with pytest.raises(Unavailable, match="hasher"):
        await HasherPool(HashingSettings()).start()


def isolation() -> dict[str, float | None]:
    return {layer: metrics.registry.get_sample_value("edgeward_hasher_isolation", {"layer": layer}) for layer in LAYERS}


async def test_isolation_is_reported() -> None:
    """The pool and the metrics say which layers isolate the hashers."""
    async with running(processes=1) as pool:
        layers = pool.layers
        assert layers is not None
        assert isolation() == {layer: float(layer in layers) for layer in LAYERS}
    assert pool.layers is None


async def test_a_missing_layer_is_reported_and_not_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a usable libseccomp images are still hashed; the metrics and one log line say so."""
    (tmp_path / "libseccomp.so.2").write_text("no library")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path), prepend=os.pathsep)
    async with running(processes=2) as pool:
        await eventually(lambda: len(pool.pids) == 2)
        assert (await pool.fingerprint(jpeg())).flaw is None
        assert SECCOMP not in (pool.layers or ())
    assert isolation()[SECCOMP] == 0
    told = [record.message for record in caplog.records if SECCOMP in record.message]
    assert len(told) == 1
    assert told[0].startswith("hashers run without seccomp:")


def test_the_parent_loads_no_decoder() -> None:
    """A process with a pool imports neither Pillow nor numpy: hostile bytes meet no decoder there."""
    code = "import sys, edgeward.hashing.hashers.pool; sys.exit('PIL' in sys.modules or 'numpy' in sys.modules)"
    source = str(Path(__file__).parents[3] / "addons")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}).returncode == 0


async def test_a_defect_does_not_leave_one_hasher_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong when a hasher is replaced is counted, and tried again."""
    start, defects = Hasher.start, list[Exception]()

    async def fail_once(settings: HashingSettings) -> Hasher:
        if defects:
            raise defects.pop()
        return await start(settings)

    monkeypatch.setattr(Hasher, "start", fail_once)
    before = metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "hashers"}) or 0
    async with running(processes=1) as pool:
        (pid,) = pool.pids
        defects.append(ValueError())
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: pool.pids not in ([], [pid]))
    assert metrics.registry.get_sample_value("edgeward_gate_errors_total", {"hook": "hashers"}) == before + 1


async def test_a_defect_at_the_first_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the first start raises ends the start of the pool, and leaves nothing behind."""

    async def fail(settings: HashingSettings) -> Hasher:
        raise ValueError("defect")

    monkeypatch.setattr(Hasher, "start", fail)
    pool = HasherPool(HashingSettings(processes=2))
    with pytest.raises(Unavailable, match="no hasher starts: defect"):
        await pool.start()
    assert not [task for task in asyncio.all_tasks() if "_supervise" in repr(task)]
