"""The replicas that a process knows to be on record, and their copy in state_dir: a store that was restored from an
older copy while nothing ran may not know them, and nobody has them in memory."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from edgeward.lists.replication.state_file import write_whole
from edgeward.types.later_releases import DECODE_ERRORS

logger = logging.getLogger(__name__)

KNOWN_MEMBERS_FILE = "known-replicas.json"
"""Its name in state_dir."""


class KnownMembers:
    """What was read from the store last. All processes of the machine share the file.

    Args:
        directory: of the file; None: it is in memory alone.

    Attributes:
        journals: by name of each replica on record that had not ended, its journal, or "-".
        clock: the lease clock at that time, in seconds; 0.0: never.
        comings: how often replicas had come on record or left it by then; -1: not known.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / KNOWN_MEMBERS_FILE if directory else None
        self._failed = False
        self.journals: Mapping[str, str] = {}
        self.clock, self.comings = 0.0, -1
        self._read()

    def _read(self) -> None:
        """What an earlier process wrote."""
        try:
            found = json.loads(self._path.read_bytes()) if self._path else {}
            self.clock = float(found.get("clock", 0.0))
            self.journals = {str(name): str(journal) for name, journal in found.get("journals", {}).items()}
        except FileNotFoundError:
            pass
        except (OSError, AttributeError, *DECODE_ERRORS) as error:
            logger.error("%s: the processes that this machine knew can't be read: %s", self._path, error)

    def update(self, journals: Mapping[str, str], comings: int, clock: float) -> None:
        """They were read anew, when the lease clock was `clock`."""
        self.journals, self.comings = journals, comings
        self.write(clock)

    def write(self, clock: float) -> None:
        """They were on record at `clock`. A failure is logged once."""
        self.clock = clock
        if self._path is None:
            return
        try:
            write_whole(self._path, json.dumps({"clock": clock, "journals": self.journals}))
        except OSError as error:
            if not self._failed:
                logger.warning("%s: the processes on record can't be written: %s", self._path, error.strerror)
            self._failed = True
            return
        self._failed = False
