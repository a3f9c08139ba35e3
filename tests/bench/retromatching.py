"""Retromatching: one new entry, and a long import, against all images seen; time and recall."""

import random
from collections.abc import Iterator, Sequence
from itertools import batched
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from tests.bench.measurement import Budget, Effort, Row, Section, interleaved, percentile, quantity

from edgeward.matching.append_only_index import AppendOnlyIndex
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.retromatch.worker import CHANGES_PER_BATCH
from edgeward.sightings.codec import pack_fingerprint
from edgeward.types import DEFAULT_RADIUS, Fingerprint, Signal

SIZE = 32
RADIUS = DEFAULT_RADIUS["pdq"]
BATCH_SIZE = 1_000_000
SAMPLE = 200
BUILT = 20_000
ONE = Budget("<=", 50)
MANY = Budget("<=", 120)
RECALL = Budget(">=", 1.0)


def measure(effort: Effort) -> Section:
    """Search the index of a controller, with synthetic PDQs of as many images as the budgets name."""
    many = effort.entries[-1]
    how = (
        f"Random PDQs, radius {RADIUS}, searched in the index of images that a controller holds (one core; wall-clock "
        f"time). The import is searched in batches of {CHANGES_PER_BATCH}, as changes are. Recall: the share found of "
        f"all images within the radius of {SAMPLE} entries, known by comparing all. Building: packed fingerprints with "
        "six signals each are added to the index; reading them from the store is not included."
    )
    return Section("Retromatching", how, [*_single(10 * many, effort), *_import(many, many // 10), _build()])


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
