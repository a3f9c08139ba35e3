"""Sightings: store memory for ten million images at thirty million targets, and rates of writing and reading."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from itertools import batched
from pathlib import Path

from tests.bench.measurement import Budget, Effort, Row, Section, quantity
from tests.bench.synthetic_sightings import fill, running, sightings_of

from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store

GOAL = 10_000_000
TARGETS = 3
"""Of each image."""
MEMORY = Budget("<=", 8.0)
GIB = 2**30
WRITTEN = 6_000


def measure(effort: Effort) -> Section:
    """Fill an embedded store with a tenth of the goal, in two halves, and extrapolate from the second half."""
    images = effort.entries[-1] if effort.rounds > 2 else effort.entries[-1] // 4
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, running(Path(name)) as url:
        used, streamed = [0], [0]
        for half in range(2):
            fill(url, range(half * images // 2, (half + 1) * images // 2), TARGETS)
            total, stream = asyncio.run(_memory(url))
            used.append(total)
            streamed.append(stream)
        rates = asyncio.run(_rates(url, images, effort.seconds))
    # Below a tenth the second half still creates buckets of the URL index: the estimate is too high, so no budget.
    more = (used[2] - streamed[2] - used[1] + streamed[1]) / (images - images // 2)
    extrapolated = (used[2] + more * (GOAL - images)) / GIB
    how = (
        f"An embedded store filled with {images:,} images of {TARGETS} targets each, whose URLs have some 80 "
        "characters, a header Accept that they vary by, and for two of three a query. Memory as Redis reports it "
        "(used_memory); the figure is that plus what the second half took (without the stream of new images, which is "
        f"bounded) for each image up to {GOAL:,}. Rates are of one process and one connection, on the filled store."
    )
    row = Row(
        f"Store, {GOAL / 1e6:.0f} million images, {GOAL * TARGETS / 1e6:.0f} million targets",
        quantity(more, "B per image"), quantity(used[2] / GIB, "GiB measured"), extrapolated, "GiB",
        MEMORY if images * 10 >= GOAL else None,
    )  # fmt: skip
    return Section("Sightings in the store", how, [row, *rates])


async def _memory(url: str) -> tuple[int, int]:
    """Bytes in use, and those of the stream of new images."""
    store = await Store.connect(url)
    info = await store.redis.info("memory")
    stream = await store.redis.memory_usage(store.key("{seen}", "new"), samples=0)
    await store.close()
    return int(info["used_memory"]), int(stream or 0)


async def _rates(url: str, images: int, seconds: float) -> list[Row]:
    store = await Store.connect(url)
    sightings = Sightings(store, SightingsSettings())
    began = time.perf_counter()
    for some in batched(range(images, images + WRITTEN // TARGETS), 33):
        await sightings.write([each for number in some for each in sightings_of(number, TARGETS)])
    written = WRITTEN / (time.perf_counter() - began)
    read = await _read(sightings.packed(), seconds)
    walked = await _read(sightings.find_below("images.example.com/media/"), seconds)
    await store.close()
    return [
        Row("Sightings written", "", f"batches of {33 * TARGETS}", written, "/s"),
        Row("Images read for an index", "", "", read, "/s"),
        Row("Targets found below a prefix", "", "", walked, "/s"),
    ]


async def _read(batches: AsyncIterator[Sequence[object]], seconds: float) -> float:
    """Items per second, over `seconds` or to the end."""
    count, began = 0, time.perf_counter()
    async for batch in batches:
        count += len(batch)
        if time.perf_counter() - began > seconds:
            break
    return count / (time.perf_counter() - began)
