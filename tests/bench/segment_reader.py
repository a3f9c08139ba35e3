"""A process that opens batches, reads all of their segments, and says what memory that takes: DIRECTORY BATCH..."""

import json
import sys
import time
from pathlib import Path

import numpy as np

from edgeward.hashing.signal_registry import has_distance
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.types import Batch, Signal

SEARCHES = 200


def main(directory: Path, batches: list[Batch]) -> None:
    before = memory()
    started = time.perf_counter()
    index = BatchIndex(batches[0].list)
    index.fold(batches, {}, BatchFiles(directory))
    opened = time.perf_counter() - started
    chance = np.random.default_rng(5)
    for (name, size), segments in index.state.segments.items():
        for each in segments:
            for array in each.search.segment.file.arrays.values():
                array.reshape(-1).view(np.uint8)[::4096].max()
        for _ in range(SEARCHES):
            value = chance.bytes(size).hex()
            list(index.near((name, 8 * size), [value], 31)) if has_distance(name) else index.exact(Signal(name, value))
    after = memory()
    print(
        json.dumps(
            {
                "opened_seconds": opened,
                "shared_bytes": after["Rss"] - after["Anonymous"] - before["Rss"] + before["Anonymous"],
                "private_bytes": after["Anonymous"] - before["Anonymous"],
            }
        )
    )


def memory() -> dict[str, int]:
    """What the kernel says of this process's memory, in bytes."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size.split()[0]) * 1024 for name, size in (line.split(":") for line in lines)}


if __name__ == "__main__":
    read = [Batch.from_json(text).as_of(number + 1) for number, text in enumerate(sys.argv[2:])]
    main(Path(sys.argv[1]), read)
