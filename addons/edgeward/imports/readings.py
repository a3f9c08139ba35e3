"""The files that this controller receives and reads now. How far each is is known only here, until it is a job."""

from collections.abc import Iterator
from contextlib import contextmanager

from edgeward.errors import Conflict, NotFound
from edgeward.imports.reading import Reading

MAX_READINGS = 64
"""Files that one controller receives and reads at the same time."""


class Readings:
    """By an id that the client has chosen, how far the reading of its file is."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}
        self._unnamed = 0

    def get(self, reading_id: str) -> Reading:
        """How far a file is. Raises NotFound."""
        if reading_id not in self._readings:
            raise NotFound(f"no upload has the ID {reading_id!r}: it may be recorded as a job by now")
        return self._readings[reading_id]

    @contextmanager
    def begin(self, reading_id: str) -> Iterator[Reading]:
        """Follow one file, under no id if that is "".

        Raises:
            Conflict: the id is in use, or there are too many.
        """
        if len(self._readings) >= MAX_READINGS:
            raise Conflict(f"{MAX_READINGS} files are received at the same time: try again later")
        if reading_id in self._readings:
            raise Conflict(f"an upload with the ID {reading_id!r} is under way")
        self._unnamed += 1
        key = reading_id or f"#{self._unnamed}"
        self._readings[key] = Reading()
        try:
            yield self._readings[key]
        finally:
            del self._readings[key]
