"""An origin that changes its mind: for seconds at a time a directory is forbidden, missing, broken or silent."""

import random
import time
from dataclasses import replace

from edgeward.demo.origin import Origin, Resource

MOOD_SECONDS = 2.0
SILENT_SECONDS = 4.0
MOODS = {"fine": 88, "403": 3, "404": 3, "500": 3, "silent": 3}
"""How often a directory is in which mood, in percent of the time."""


class UnreliableOrigin(Origin):
    """The mood of a directory depends on the seed and the time since `begin`. Before, and after `end`, all is fine."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._began = 0.0

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        self._began = 0.0

    def mood(self, directory: str, seconds: float) -> str:
        """The mood of a directory so long after the beginning."""
        choices = random.Random(f"mood {self._seed} {directory} {int(seconds / MOOD_SECONDS)}")
        return choices.choices(list(MOODS), list(MOODS.values()))[0]

    def resource(self, target: str) -> Resource | None:
        found = super().resource(target)
        if found is None or not self._began:
            return found
        mood = self.mood(target.rpartition("?")[0].rpartition("/")[0] or target, time.monotonic() - self._began)
        if mood == "fine":
            return found
        if mood == "silent":
            return replace(found, thought=SILENT_SECONDS)
        # Not stored: a cache that keeps an error would look as if Edgeward refused the picture.
        return Resource(b"", "text/plain", [("Cache-Control", "no-store")], status=int(mood))
