"""Wall clocks that step: libfaketime gives a process the offset that a file has. Monotonic clocks are not changed."""

import random
from collections.abc import Mapping
from pathlib import Path

LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
)
STEPS_SECONDS = (-86_400 * 40, -300, -30, -3, 3, 30, 300, 86_400 * 40)
"""A wrong year is a step of days; a failover to another server one of seconds."""


def library() -> Path | None:
    """libfaketime; None if it is not installed."""
    return next((path for path in LIBRARIES if path.exists()), None)


class Clock:
    """The wall clock of some processes. Frozen: it is wrong for a while. Killed: it has stepped, and stays so.

    Args:
        file: has the offset. The processes have `environ`.
    """

    def __init__(self, file: Path, seed: int) -> None:
        self._file = file
        self._choices = random.Random(f"clock {file.name} {seed}")
        self._offset = 0
        self._write(0)

    @property
    def environ(self) -> Mapping[str, str]:
        """What a process needs to have this clock; empty without libfaketime."""
        found = library()
        if found is None:
            return {}
        return {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def start(self) -> None:
        """It is never down."""

    def stop(self) -> None:
        """It has no process."""

    def kill(self) -> None:
        self._offset = self._choices.choice(STEPS_SECONDS)
        self._write(self._offset)

    def pause(self) -> None:
        self._write(self._choices.choice(STEPS_SECONDS))

    def resume(self) -> None:
        self._write(self._offset)

    def _write(self, offset: int) -> None:
        """Replaced as a whole: a half written file would be no offset."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.replace(self._file)
