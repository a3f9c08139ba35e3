"""A process that opens segments, reads all of them, and says what memory that takes: DIRECTORY TYPE:BITS:DISTANCE..."""

import json
import sys
import time
from pathlib import Path

import numpy as np

from edgeward.matching.segments.segment_rows import ValueType
from edgeward.matching.segments.segment_set import SegmentSet

SEARCHES = 200


def main(directory: Path, names: list[str]) -> None:
    kinds = [ValueType(signal, int(bits), has_distance == "1") for signal, bits, has_distance in map(split, names)]
    before = memory()
    started = time.perf_counter()
    sets = [SegmentSet(directory / kind.signal, kind) for kind in kinds]
    opened = time.perf_counter() - started
    chance = np.random.default_rng(5)
    for segments in sets:
        for each in segments.segments:
            for array in each.segment.file.arrays.values():
                array.reshape(-1).view(np.uint8)[::4096].max()
        for _ in range(SEARCHES):
            value = chance.integers(0, 256, (1, segments.kind.size), np.uint8)
            list(segments.near(value, 31) if segments.kind.has_distance else segments.equal(value))
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


def split(name: str) -> tuple[str, str, str]:
    signal, bits, has_distance = name.split(":")
    return signal, bits, has_distance


def memory() -> dict[str, int]:
    """What the kernel says of this process's memory, in bytes."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size.split()[0]) * 1024 for name, size in (line.split(":") for line in lines)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
