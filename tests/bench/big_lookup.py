"""Values in batches, ten million of each type: lookups beside faiss, memory, opening, building, changes."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.bench.measurement import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.synthetic_batches import batch_of_values
from tests.bench.synthetic_values import Draw, photographs_changed, random_values

from edgeward.errors import UserError
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.matching.list_index import ListIndex
from edgeward.matching.segments.segment_rows import Values
from edgeward.types import DEFAULT_RADIUS, Batch, Entry, Signal

LIST = "bench"
RADIUS = DEFAULT_RADIUS["pdq"]
PDQ_BYTES, PDQ_BITS = 32, 256
TIMES_LARGEST = 10
"""So many times the largest list of the other rooms: 10 million values."""
QUERIES, COMPARED, VIEWS = 2000, 100, 150
RECENT = 5000
HASHMAPS, HASHMAP_BITS = 16, 16
"""Of faiss's multi-hash index, as the `threatexchange` library makes it."""
LEAST_FOR_SHARE = 10**7
"""Values from which the share of a scan has a budget: it falls with their number."""
P50, P99, SHARE, RECALL = Budget("<=", 0.7), Budget("<=", 3), Budget("<=", 0.1), Budget(">=", 1.0)
TURN, OPENED, BUILT, CHANGED = Budget("<=", 7), Budget("<=", 50), Budget("<=", 150), Budget("<=", 50)
SHARED, PRIVATE = Budget("<=", 2500), Budget("<=", 60)


class Times(NamedTuple):
    """CPU seconds of each lookup, and what each found: pairs (reference, distance)."""

    seconds: Sequence[float]
    found: Sequence[set[tuple[int, int]]]


def measure(effort: Effort) -> Section:
    """One list after the other, so that not all are in memory at once."""
    count = effort.entries[-1] * TIMES_LARGEST
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        files = BatchFiles(Path(name))
        batches: list[Batch] = []
        built = 0.0
        for skew, draw in (("skewed", photographs_changed()), ("random", random_values(PDQ_BYTES))):
            batches, built = [], 0.0
            built += _build(files, "pdq", PDQ_BYTES, draw, count, batches)
            rows += _lookups(files, batches[0], draw, skew)
        for signal_type, size in (("md5", 16), ("sha1", 20)):
            built += _build(files, signal_type, size, random_values(size), count, batches)
        rows += _machine(files, batches, built, count)
    how = (
        f"CPU time of `BatchIndex.near_rows` for one PDQ, radius {RADIUS}, all segments read once before, "
        "against faiss's `IndexBinaryFlat.range_search` with one thread; and that of its "
        "`IndexBinaryMultiHash` "
        f"({HASHMAPS} hash maps of {HASHMAP_BITS} bits, one flip), which finds as much. Half of the values looked up "
        "are listed ones with 0 to 64 bits changed, half are drawn like the listed ones. Recall: of all that faiss's "
        "flat index finds, the share that is found at the same distance; nothing else may be found. Skewed: "
        f"random crops of photographs of scikit-image, each with changes from slight to strong. `geometry`: {VIEWS} "
        f"values at once, and the longest turn. A change: a single entry is added, {RECENT:,} in all. An entry: what "
        "its source says of a row that matches, read from its file. Built: CPU seconds, of one thread, from rows as "
        "they are in the store. Memory is what /proc/self/smaps_rollup says of a process that has read every page of "
        "the segments: mapped files, which all processes share, and its own."
    )
    return Section("Segments", how, rows)


def _build(files: BatchFiles, signal_type: str, size: int, draw: Draw, count: int, batches: list[Batch]) -> float:
    """Write the files of a batch; returns the CPU seconds, without those in which the values were drawn."""
    drawing = 0.0
    batch, drawn = batch_of_values(LIST, signal_type, size, draw, count)

    def timed() -> Iterator[tuple[str, bytes]]:
        nonlocal drawing
        while True:
            started = time.process_time()
            part = next(drawn, None)
            drawing += time.process_time() - started
            if part is None:
                return
            yield part

    started = time.process_time()
    for _ in files.write(batch, timed()):
        pass
    batches.append(batch.as_of(len(batches) + 1))
    return time.process_time() - started - drawing


def _lookups(files: BatchFiles, batch: Batch, draw: Draw, skew: str) -> Iterator[Row]:
    listed = ListIndex(LIST)
    listed.set_batches([batch], {}, files)
    index, count = listed.batches, batch.rows
    segment = index.state.segments["pdq", PDQ_BYTES][0].search.segment
    chance = np.random.default_rng(7)
    queries = np.concatenate((_changed(segment.values, QUERIES // 2, chance), draw(chance, QUERIES // 2)))
    queries = queries[chance.permutation(len(queries))]
    flat, multi = _faiss(segment.values)
    theirs, hashed = _theirs(flat, queries[:COMPARED]), _theirs(multi, queries[:COMPARED])
    for _ in segment.file.read_ahead():
        pass
    ours = _ours(index, queries)
    recall = _agreement(Times([], ours.found[:COMPARED]), theirs)
    entries = [_read(index, count, chance) for _ in range(QUERIES)]
    changes = [_add(listed, draw(chance, 1)) for _ in range(RECENT)]
    name = f"{count:,} PDQs, {skew}"
    median = percentile(ours.seconds, 0.5)
    flat_median, multi_median = (percentile(times.seconds, 0.5) for times in (theirs, hashed))
    yield _row(f"{name}: p50", median, flat_median, P50)
    yield _row(f"{name}: p99", percentile(ours.seconds, 0.99), percentile(theirs.seconds, 0.99), P99)
    yield Row(
        f"{name}: share of flat",
        _ms(median),
        _ms(flat_median),
        median / flat_median,
        "x",
        SHARE if count >= LEAST_FOR_SHARE else None,
    )
    yield Row(f"{name}: share of multi-hash", _ms(median), _ms(multi_median), median / multi_median, "x")
    yield Row(f"{name}: recall", "", "", recall, "", RECALL)
    together, longest = _geometry(index, queries)
    yield _row(f"{name}: `geometry`", together, flat_median * VIEWS, None)
    yield _row(f"{name}: `geometry`, longest turn", longest, 0.0, TURN)
    yield _row(f"{name}: an entry read, p50", percentile(entries, 0.5), 0.0, None)
    yield _row(f"{name}: one change applied, p99", percentile(changes, 0.99), 0.0, CHANGED)


def _machine(files: BatchFiles, batches: Sequence[Batch], built: float, count: int) -> Iterator[Row]:
    """What all three lists take."""
    command = [sys.executable, "-m", "tests.bench.segment_reader", str(files.directory)]
    command += [batch.to_json() for batch in batches]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    name = f"{count:,} PDQs, MD5s and SHA-1s"
    yield Row(f"{name}: built", quantity(built, "s"), "", built, "s", BUILT)
    yield _row(f"{name}: opened", found["opened_seconds"], 0.0, OPENED)
    for what, budget in (("shared", SHARED), ("private", PRIVATE)):
        size = found[f"{what}_bytes"] / 1e6
        yield Row(f"{name}: {what} memory", quantity(size, "MB"), "", size, "MB", budget)


def _changed(listed: Values, number: int, chance: np.random.Generator) -> Values:
    """Listed values with 0 to 64 bits changed."""
    flips = np.zeros((number, PDQ_BITS), np.uint8)
    for row in flips:
        row[chance.choice(PDQ_BITS, chance.integers(0, 65), replace=False)] = 1
    return listed[chance.integers(0, len(listed), number)] ^ np.packbits(flips, axis=1)


def _add(listed: ListIndex, value: Values) -> float:
    """Seconds of CPU time to add a single entry."""
    entry = Entry(LIST, Signal("pdq", value.tobytes().hex()))
    started = time.thread_time()
    listed.add(entry)
    return time.thread_time() - started


def _read(index: BatchIndex, count: int, chance: np.random.Generator) -> float:
    """Seconds of CPU time to read the entry of a row."""
    batch, row = index.batches[0], int(chance.integers(0, count))
    started = time.thread_time()
    index.entry_at(batch.id, row)
    return time.thread_time() - started


def _ours(index: BatchIndex, queries: Values) -> Times:
    seconds, found = [], []
    for query in queries:
        value = query.tobytes().hex()
        started = time.thread_time()
        pieces = list(index.near_rows(("pdq", PDQ_BITS), [value], RADIUS))
        seconds.append(time.thread_time() - started)
        found.append({(ref.row, distance) for piece in pieces for ref, _, distance in piece})
    return Times(seconds, found)


def _faiss(listed: Values) -> tuple[Any, Any]:
    """The flat index and the multi-hash index of the same values, which share one copy."""
    try:
        import faiss
    except ImportError:
        raise UserError("faiss is missing: pip install 'edgeward[dev]'") from None
    faiss.omp_set_num_threads(1)
    multi = faiss.IndexBinaryMultiHash(PDQ_BITS, HASHMAPS, HASHMAP_BITS)
    multi.nflip = 1
    for start in range(0, len(listed), 1 << 20):
        multi.add(np.ascontiguousarray(listed[start : start + (1 << 20)]))
    return faiss.downcast_IndexBinary(multi.storage), multi


def _theirs(index: Any, queries: Values) -> Times:
    seconds, found = [], []
    for query in queries:
        wanted = np.ascontiguousarray(query[None, :])
        started = time.thread_time()
        _, distances, rows = index.range_search(wanted, RADIUS + 1)  # nearer than that
        seconds.append(time.thread_time() - started)
        found.append(set(zip(rows.tolist(), distances.astype(int).tolist(), strict=True)))
    return Times(seconds, found)


def _agreement(ours: Times, theirs: Times) -> float:
    """The share of what they find that we find; less if we find others."""
    pairs = list(zip(ours.found, theirs.found, strict=True))
    return sum(len(one & other) for one, other in pairs) / sum(len(one | other) for one, other in pairs)


def _geometry(index: BatchIndex, queries: Values) -> tuple[float, float]:
    """Seconds of CPU time for many values at once, and of the longest piece."""
    totals, longest = [], 0.0
    for start in range(0, QUERIES - VIEWS, VIEWS):
        values = [query.tobytes().hex() for query in queries[start : start + VIEWS]]
        began = last = time.thread_time()
        for _ in index.near_rows(("pdq", PDQ_BITS), values, RADIUS):
            now = time.thread_time()
            longest, last = max(longest, now - last), now
        totals.append(time.thread_time() - began)
    return percentile(totals, 0.5), longest


def _row(what: str, ours: float, theirs: float, budget: Budget | None) -> Row:
    return Row(what, _ms(ours), _ms(theirs) if theirs else "", ours * 1000, "ms", budget)


def _ms(seconds: float) -> str:
    return quantity(seconds * 1000, "ms")
