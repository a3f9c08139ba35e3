"""A process that compacts again and again, for the tests that kill it.

What each version of the list holds is known from its number alone, so that a test can tell whether it is whole.
"""

import os
import signal
from hashlib import sha256
from pathlib import Path
from typing import Self

from tests.matching.segments.examples import PDQ, changes, compact

from edgeward.matching.segments.segment_set import SegmentSet

ADDED_EACH = 20
KEPT_VERSIONS = 7
"""A version's values are removed so many versions later."""


def of_version(version: int) -> dict[bytes, int]:
    """The values that a version adds."""
    numbers = range(version * ADDED_EACH, (version + 1) * ADDED_EACH)
    return {sha256(str(number).encode()).digest(): number for number in numbers}


def expected(version: int) -> dict[bytes, int]:
    """All values that are listed as of a version."""
    values: dict[bytes, int] = {}
    for each in range(max(1, version - KEPT_VERSIONS + 1), version + 1):
        values |= of_version(each)
    return values


class Writer:
    """A child process. It is forked, since to start many anew would take seconds."""

    def __init__(self, directory: Path, first: int, versions: int) -> None:
        """Make `versions` versions after `first`."""
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(reading)
                _write(directory, first, versions, writing)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        self._lines = os.fdopen(reading, "r")
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def begun(self) -> int | None:
        """Wait for the next version to be begun, and return it; None: it has ended."""
        line = self._lines.readline()
        return int(line) if line else None

    def kill(self) -> int | None:
        """Kill it, if it has not ended. Returns the last version that it said it began since the last call."""
        if self._ended:
            return None
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._ended = True
        with self._lines as lines:
            return max((int(line) for line in lines), default=None)


def _write(directory: Path, first: int, versions: int, pipe: int) -> None:
    segments = SegmentSet(directory, PDQ)
    for version in range(first + 1, first + versions + 1):
        os.write(pipe, b"%d\n" % version)
        new = of_version(version)
        old = of_version(version - KEPT_VERSIONS) if version > KEPT_VERSIONS else {}
        removed = [False] * len(new) + [True] * len(old)
        segments.apply(version, changes([*new, *old], [*new.values(), *old.values()], removed))
        compact(segments, whole=version % 3 == 0)
