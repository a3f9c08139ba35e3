"""Retromatching: one new entry, a long import, and a batch, against all images seen; time and recall."""

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from itertools import batched
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray
from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, percentile, quantity

from edgeward.matching.append_only_index import AppendOnlyIndex
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.batches.batch_writer import BatchWriter, PartPlan
from edgeward.matching.batches.packed_rows import Row as BatchRow
from edgeward.retromatch.row_search import RowSearch
from edgeward.retromatch.row_sets import all_rows
from edgeward.retromatch.search_scope import SearchExtent
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.worker import CHANGES_PER_BATCH
from edgeward.sightings.codec import pack_fingerprint
from edgeward.types import DEFAULT_RADIUS, Batch, Fingerprint, Signal, entry_id
from edgeward.types.batches import fields_of

SIZE = 32
RADIUS = DEFAULT_RADIUS["pdq"]
BATCH_SIZE = 1_000_000
SAMPLE = 200
BUILT = 20_000
IMAGES_OF_BATCH = (1_000, 20_000)
ONE = Budget("<=", 50)
MANY = Budget("<=", 120)
WHOLE = Budget("<=", 1)
RECALL = Budget(">=", 1.0)


def measure(effort: Effort) -> Section:
    """Search the index of a controller, with synthetic PDQs of as many images as the budgets name."""
    many = effort.entries[-1]
    how = (
        f"Random PDQs, radius {RADIUS}, searched in the index of images that a controller holds (one core; wall-clock "
        f"time). The import is searched in batches of {CHANGES_PER_BATCH}, as changes are. Recall: the share found of "
        f"all images within the radius of {SAMPLE} entries, known by comparing all. Building: packed fingerprints with "
        "six signals each are added to the index; reading them from the store is not included. A batch: CPU time of "
        "the search for its PDQs, in the direction that is the cheaper one by the estimate."
    )
    rows = [*_single(10 * many, effort), *_import(many, many // 10), *_batch(many), _build()]
    return Section("Retromatching", how, rows)


def _single(count: int, effort: Effort) -> Iterator[Row]:
    values = np.random.default_rng(1).integers(0, 2**64, (count, SIZE // 8), np.uint64)
    index = _index(values)

    def once() -> float:
        value, began = random.randbytes(SIZE), perf_counter()
        list(index.near_each([value], RADIUS))
        return perf_counter() - began

    (taken,) = interleaved((once,), effort.seconds, least=50)
    name = f"One entry, {count:,} images"
    for share, title in ((0.5, "p50"), (0.99, "p99")):
        figure = percentile(taken, share) * 1000
        yield Row(f"{name}: {title}", quantity(figure, "ms"), "", figure, "ms", ONE)
    sample = _near(values, SAMPLE)
    found = [{mark for _, marks in index.near_each([value], RADIUS) for mark in marks} for value in sample]
    yield Row(f"{name}: recall", "", "", _recall(values, sample, found), "", RECALL)


def _import(count: int, entries: int) -> Iterator[Row]:
    values = np.random.default_rng(3).integers(0, 2**64, (count, SIZE // 8), np.uint64)
    index, sample = _index(values), _near(values, SAMPLE)
    asked = [*sample, *(random.randbytes(SIZE) for _ in range(entries - SAMPLE))]
    found: list[set[int]] = [set() for _ in asked]
    began = perf_counter()
    for start, batch in enumerate(batched(asked, CHANGES_PER_BATCH)):
        for numbers, marks in index.near_each(batch, RADIUS):
            for number, mark in zip(numbers, marks, strict=True):
                found[start * CHANGES_PER_BATCH + number].add(mark)
    taken = perf_counter() - began
    name = f"{entries:,} entries, {count:,} images"
    yield Row(name, quantity(taken, "s"), "", taken, "s", MANY)
    yield Row(f"{name}: recall", "", "", _recall(values, sample, found), "", RECALL)


def _batch(count: int) -> Iterator[Row]:
    values = np.random.default_rng(5).integers(0, 2**64, (count, SIZE // 8), np.uint64)
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        listed = _listed(Path(name), values)
        for number in IMAGES_OF_BATCH:
            images = [_fingerprint(each) for each in range(number - SAMPLE)]
            near = [Signal("pdq", value.hex()) for value in _near(values, SAMPLE)]
            images += [Fingerprint(f"{n:064x}", "", 1, (signal,)) for n, signal in enumerate(near)]
            seen = SeenImageIndex()
            seen.add([pack_fingerprint(each) for each in images])
            began = process_time()
            found = asyncio.run(_matched(seen, listed))
            taken = process_time() - began
            title = f"A batch of {count:,}, {number:,} images"
            yield Row(title, quantity(taken, "s"), "", taken, "s", WHOLE if number == IMAGES_OF_BATCH[0] else None)
            expected = {image.sha256[:32] for image in images[-SAMPLE:] if int(image.sha256, 16) % 65 <= RADIUS}
            yield Row(f"{title}: recall", "", "", len(expected & found) / len(expected), "", RECALL)


def _listed(directory: Path, values: NDArray[np.uint64]) -> BatchIndex:
    """A list of one batch with these values."""
    writer, files, index = BatchWriter("bench"), BatchFiles(directory), BatchIndex("bench")
    texts = (value.tobytes() for value in values.astype(">u8"))
    in_order = sorted((entry_id("bench", Signal("pdq", value.hex())), value) for value in texts)
    writer.open_part(PartPlan("pdq", SIZE, len(values)))
    data = dict(writer.add(BatchRow(value, 100) for _, value in in_order))
    data |= {**dict(writer.close_part()), **dict(writer.counts())}
    batch = Batch("0" * 16, "bench", "bench", 1.0, parts=writer.parts, version=1)
    for _ in files.write(batch, ((name, data[name]) for name in fields_of(batch) if name in data)):
        pass
    index.fold([batch], {}, files)
    return index


async def _matched(seen: SeenImageIndex, listed: BatchIndex) -> set[str]:
    search = RowSearch(lambda: seen, listed, all_rows(listed), {"pdq": SearchExtent(RADIUS)})
    return {image for _, images in [step async for step in search.steps("")] for image in images}


def _build() -> Row:
    images = [pack_fingerprint(_fingerprint(number)) for number in range(BUILT)]
    index, began = SeenImageIndex(), perf_counter()
    for batch in batched(images, 1000):
        index.add(batch)
    rate = BUILT / (perf_counter() - began)
    return Row("Building the index", quantity(rate, "images/s"), "", rate, "images/s")


def _fingerprint(number: int) -> Fingerprint:
    chance = random.Random(number)
    sizes = {"sha256": 32, "sha1": 20, "md5": 16, "pdq": 32, "phash": 8, "dhash": 8}
    values = {kind: chance.randbytes(size).hex() for kind, size in sizes.items()}
    signals = tuple(Signal(kind, value) for kind, value in values.items())
    return Fingerprint(values["sha256"], "image/jpeg", 100_000, signals, 1600, 1200)


def _index(values: NDArray[np.uint64]) -> AppendOnlyIndex:
    index = AppendOnlyIndex(SIZE)
    for start in range(0, len(values), BATCH_SIZE):
        some = values[start : start + BATCH_SIZE]
        index.add(some.astype(">u8").tobytes(), range(start, start + len(some)))
    return index


def _near(values: NDArray[np.uint64], count: int) -> list[bytes]:
    """Values that differ from one of `values` in 0 to 64 bits."""
    chance = random.Random(4)
    near = []
    for number in range(count):
        flips = sum(1 << bit for bit in chance.sample(range(8 * SIZE), number % 65))
        value = values[chance.randrange(len(values))].astype(">u8").tobytes()
        near.append((int.from_bytes(value) ^ flips).to_bytes(SIZE))
    return near


def _recall(values: NDArray[np.uint64], sample: Sequence[bytes], found: Sequence[set[int]]) -> float:
    wanted = got = 0
    for value, marks in zip(sample, found, strict=False):
        distances = np.zeros(len(values), np.uint16)
        for word, query in enumerate(np.frombuffer(value, ">u8").astype(np.uint64)):
            distances += np.bitwise_count(values[:, word] ^ query)
        expected = set(np.flatnonzero(distances <= RADIUS).tolist())
        wanted += len(expected)
        got += len(expected & marks)
    return got / wanted
