"""A process that merges segments of batches: `python -m edgeward.matching.batches.merge_files DIRECTORY`.

It is a process of its own, since to sort millions of values would slow down one that serves.
"""

import os
import sys
from pathlib import Path

from edgeward.errors import Conflict, DamagedSegment
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.merging import merge

NICENESS = 15
"""Processes that serve go first, then those that write the files of new batches."""
FAILED = 1
"""Exit status if it can't be done now; standard error says why."""


def main(directory: str) -> int:
    """Merge what there is to merge. Returns the exit status."""
    os.nice(NICENESS)
    try:
        for _ in merge(BatchFiles(Path(directory))):
            pass
    except Conflict:
        return 0  # another process is at it
    except (DamagedSegment, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
