"""Exact lookup: one fingerprint against lists of many entries; time and recall."""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from tests.bench.measurement import (
    Budget,
    Effort,
    Row,
    Section,
    cpu_seconds,
    interleaved,
    milliseconds,
    quantity,
    ratio,
)

from edgeward.matching.matcher import Matcher
from edgeward.types import DEFAULT_RADIUS, Entry, Fingerprint, HashList, Signal

BITS = 256
RADIUS = DEFAULT_RADIUS["pdq"]
QUERIES = 64
SEARCHED = 150
TURNS = 20
BAND_REBUILD_SECONDS = 3.0
RECALL = Budget(">=", 1.0)
TURN = Budget("<=", 50)


def measure(effort: Effort) -> Section:
    """CPU time of a lookup in lists of each size, against a scan of the same values by numpy."""
    rows = [row for count in effort.entries for row in _rows(count, effort)]
    how = (
        f"CPU time of `Matcher.matches` for one PDQ, radius {RADIUS}, against a plain numpy scan of all values "
        "(`bitwise_count` of the exclusive or, summed). Recall: of all that the scan finds for values that were "
        f"listed with 0 to {BITS // 4} bits changed, the share that Edgeward finds, at the same distance. On a list "
        f"with `rotations` an image has 8 PDQs, with `geometry` {SEARCHED}, here all different; against as many scans. "
        "The longest turn: the longest time that another task waited while such an image was matched."
    )
    return Section("Exact lookup", how, rows)


def _rows(count: int, effort: Effort) -> Iterator[Row]:
    values = np.random.default_rng(count).integers(0, 2**64, (count, BITS // 64), np.uint64)
    matcher = _listed(values)
    queries = [_near(values[number], bits) for number, bits in enumerate(range(0, BITS // 4, BITS // 4 // QUERIES))]
    turn = _Turn(matcher, values, queries)
    ours, theirs = interleaved((cpu_seconds(turn.ours), cpu_seconds(turn.scan)), effort.seconds, least=10)
    name = f"{count:,} entries"
    yield Row(f"Lookup, {name}", milliseconds(ours), milliseconds(theirs), ratio(ours, theirs), "x")
    yield Row(f"Lookup, {name}: recall", "", "", _recall(matcher, values, queries), "", RECALL)
    yield from _many(matcher, name, statistics.median(theirs), effort)


def _many(matcher: Matcher, name: str, scan_seconds: float, effort: Effort) -> Iterator[Row]:
    """Images with many views, as lists with `rotations` and `geometry` ask for."""
    for asked, looks in (("rotations", 8), ("geometry", SEARCHED)):
        image = _fingerprint(*(random.randbytes(BITS // 8).hex() for _ in range(looks)))
        (ours,) = interleaved((cpu_seconds(lambda image=image: matcher.matches(image)),), effort.seconds, least=5)
        scans = [looks * scan_seconds]
        yield Row(f"`{asked}`, {name}", milliseconds(ours), milliseconds(scans), ratio(ours, scans), "x")
    longest = max(asyncio.run(_longest_turn(matcher, image)) for _ in range(TURNS))
    yield Row(f"`geometry`, {name}: longest turn", quantity(longest * 1000, "ms"), "", longest * 1000, "ms", TURN)


async def _longest_turn(matcher: Matcher, image: Fingerprint) -> float:
    """The longest time that another task waited for its turn, in seconds."""
    matching = asyncio.create_task(matcher.matches_async(image))
    longest, last = 0.0, time.perf_counter()
    while not matching.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


class _Turn:
    """Both contenders look up the same values in the same order, a different one each time."""

    def __init__(self, matcher: Matcher, values: NDArray[np.uint64], queries: Sequence[str]) -> None:
        self._matcher, self._values, self._queries = matcher, values, queries
        self._asked = 0

    def ours(self) -> object:
        self._asked += 1
        return self._matcher.matches(_fingerprint(self._queries[self._asked % len(self._queries)]))

    def scan(self) -> object:
        return scan(self._values, self._queries[self._asked % len(self._queries)])


def scan(values: NDArray[np.uint64], query: str) -> dict[str, int]:
    """All values within the radius, by comparing all: value -> distance."""
    distances = np.bitwise_count(values ^ _words(query)).sum(axis=1)
    return {_hexadecimal(values[row]): int(distances[row]) for row in np.flatnonzero(distances <= RADIUS)}


def _recall(matcher: Matcher, values: NDArray[np.uint64], queries: Sequence[str]) -> float:
    wanted = found = 0
    for query in queries:
        expected = scan(values, query).items()
        got = {match.entry.signal.value: match.distance for match in matcher.matches(_fingerprint(query))}
        wanted += len(expected)
        found += len(expected & got.items())
    return found / wanted


def _listed(values: NDArray[np.uint64]) -> Matcher:
    """All values on one list, with its bands built: the first search starts that in the background."""
    matcher = Matcher()
    matcher.set_list(HashList("bench"))
    for row in values:
        matcher.add_entry(Entry("bench", Signal("pdq", _hexadecimal(row), 100)))
    matcher.matches(_fingerprint(_hexadecimal(values[0])))
    time.sleep(BAND_REBUILD_SECONDS)
    return matcher


def _fingerprint(*values: str) -> Fingerprint:
    return Fingerprint("", "image/jpeg", 0, tuple(Signal("pdq", value, 100) for value in values))


def _near(words: NDArray[np.uint64], bits: int) -> str:
    flips = sum(1 << bit for bit in random.Random(bits).sample(range(BITS), bits))
    return f"{int(_hexadecimal(words), 16) ^ flips:0{BITS // 4}x}"


def _words(value: str) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex(value), ">u8").astype(np.uint64)


def _hexadecimal(words: NDArray[np.uint64]) -> str:
    return words.astype(">u8").tobytes().hex()
