"""A process that writes the files of one batch: `python -m edgeward.matching.batches.write_files DIRECTORY`.

It reads the batch and its data from standard input (file_stream.py), and writes to standard output how much is done: a
number from 0 to 1 on each line. It is a process of its own, since to sort millions of values would slow down one that
serves. It ends without a trace of the batch if its input is cut short.
"""

import os
import sys
from pathlib import Path

from edgeward.errors import Conflict
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.file_stream import read_batch, read_data

NICENESS = 10
"""Processes that serve go first."""
CUT_SHORT = 3
"""Exit status if the input was cut short: whoever started it has ended, or the store."""
BUSY = 5
"""Exit status if another process is writing to the directory."""
NO_DISK = 4
"""Exit status if the files can't be written; standard error says why."""


def main(directory: str) -> int:
    """Write the files. Returns the exit status."""
    os.nice(NICENESS)
    try:
        batch = read_batch(sys.stdin.buffer)
        for done in BatchFiles(Path(directory)).write(batch, read_data(sys.stdin.buffer)):
            sys.stdout.write(f"{done:.3f}\n")
            sys.stdout.flush()
    except EOFError:
        return CUT_SHORT
    except Conflict:
        return BUSY
    except OSError as error:
        sys.stderr.write(f"{directory}: {error.strerror or error}\n")
        return NO_DISK
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
