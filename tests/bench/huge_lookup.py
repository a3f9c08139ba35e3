"""A hundred million PDQs on one machine: lookups that wait for the disk, and those that do not."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tests.bench.big_lookup import LIST, PDQ_BITS, PDQ_BYTES, RADIUS
from tests.bench.measurement import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.synthetic_batches import batch_of_values
from tests.bench.synthetic_values import random_values

from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.segments.segment_rows import Values
from edgeward.types import Batch

TIMES_LARGEST = 100
"""So many times the largest list of the other rooms: 100 million values."""
QUERIES = 1000
P50 = Budget("<=", 5)


def measure(effort: Effort) -> Section:
    """Build the files of one batch; look up before any page of them is in memory, and again."""
    count = effort.entries[-1] * TIMES_LARGEST
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        files = BatchFiles(Path(name))
        batch, data = batch_of_values(LIST, "pdq", PDQ_BYTES, random_values(PDQ_BYTES), count)
        began = time.process_time()
        for _ in files.write(batch, data):
            pass
        built = time.process_time() - began
        rows = list(_rows(files, batch.as_of(1), built))
    how = (
        f"Time of `BatchIndex.near_rows` for one PDQ, radius {RADIUS}, of {count:,} random ones; half of those looked "
        "up are listed with up to 31 bits changed, and must be found. From disk: the pages of the files were dropped "
        "from memory before. Built: CPU seconds of one thread, with the drawing of the values."
    )
    return Section("A hundred million", how, rows)


def _rows(files: BatchFiles, batch: Batch, built: float) -> Iterator[Row]:
    name = f"{batch.rows:,} PDQs"
    size = sum(path.stat().st_size for path in files.directory.iterdir()) / 1e9
    yield Row(f"{name}: built", quantity(built, "s"), "", built, "s")
    yield Row(f"{name}: on disk", quantity(size, "GB"), "", size, "GB")
    index = BatchIndex(LIST)
    index.fold([batch], {}, files)
    _drop_pages(files.directory)
    for what in ("from disk", "in memory"):
        seconds = [1000 * each for each in _lookups(index, batch)]
        if what == "from disk":
            for _ in index.state.segments["pdq", PDQ_BYTES][0].search.segment.file.read_ahead():
                pass
        p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
        yield Row(f"{name}, {what}: p50", quantity(p50, "ms"), "", p50, "ms", P50)
        yield Row(f"{name}, {what}: p99", quantity(p99, "ms"), "", p99, "ms")


def _drop_pages(directory: Path) -> None:
    for path in directory.iterdir():
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def _lookups(index: BatchIndex, batch: Batch) -> Sequence[float]:
    """Seconds of each. Raises AssertionError: a listed value was not found."""
    chance, seconds = np.random.default_rng(3), []
    values: Values = index.state.segments["pdq", PDQ_BYTES][0].search.segment.values
    for number in range(QUERIES):
        wanted = chance.integers(0, 256, PDQ_BYTES, np.uint8)
        if is_listed := number % 2 == 0:
            bits = chance.choice(PDQ_BITS, chance.integers(0, RADIUS + 1), replace=False)
            flips = np.zeros(PDQ_BITS, np.uint8)
            flips[bits] = 1
            wanted = values[chance.integers(0, batch.rows)] ^ np.packbits(flips)
        began = time.perf_counter()
        found = [
            each for piece in index.near_rows(("pdq", PDQ_BITS), [wanted.tobytes().hex()], RADIUS) for each in piece
        ]
        seconds.append(time.perf_counter() - began)
        assert found or not is_listed
    return seconds
