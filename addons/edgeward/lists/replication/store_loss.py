"""Whether the store still has what this process, or this machine, knew of it.

A store loses data by FLUSHALL, a new volume, the wrong database, a failover to an empty replica, or eviction. Three
things tell: the id of its history, which is written at first use; its version, which only grows; and the number of
entries. A process keeps in memory what the store lost, until an operator restores it (`edgeward store refill`).
A process that starts later has nothing in memory: it compares the store with what this machine applied last, which is
recorded in a file of state_dir.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from edgeward import metrics
from edgeward.lists.replication.membership import StoreHistory
from edgeward.lists.replication.state_file import write_whole
from edgeward.matching.matcher import Matcher
from edgeward.types.later_releases import DECODE_ERRORS

logger = logging.getLogger(__name__)

APPLIED_LISTS_FILE = "applied-lists.json"
"""Name of the file in state_dir that records what this machine applied last."""
WRITE_SECONDS = 1.0
"""Least time between two writes of the file."""
REFILLED = "refilled"
"""How a history was replaced: its lists were written back."""
ACCEPTED = "accepted"
"""How a history was replaced: an operator accepted that its lists are gone."""


def described(lists: int, entries: int) -> str:
    """So many lists and entries, in words."""
    return f"{lists} {'list' if lists == 1 else 'lists'} and {entries} {'entry' if entries == 1 else 'entries'}"


@dataclass(frozen=True, slots=True)
class StoreLoss:
    """The store lacks lists or entries that it had.

    Attributes:
        lists, entries: how many are missing. If `in_memory`, this process holds them; else this machine knew them.
        in_memory: False: this process started after the loss. It must not judge images by the lists that are left.
        since: Unix seconds at which this process noticed.
    """

    lists: int
    entries: int
    in_memory: bool
    since: float

    @property
    def reason(self) -> str:
        """In one sentence, for people."""
        missing = f"{described(self.lists, self.entries)} are missing there"
        if not (self.lists or self.entries):
            missing = "it is not the store that this machine knew"
        if self.in_memory:
            return f"the store lost its data: {missing}, and this process still holds them (edgeward store refill)"
        return f"the store lost its data: {missing}, and this process started after the loss (edgeward store refill)"


@dataclass(frozen=True, slots=True)
class AppliedLists:
    """What this machine applied last: the id of the store's history, the version, the number of lists and entries."""

    history: str
    version: int
    lists: int
    entries: int

    def lacks(self, now: Self, replaced: str) -> tuple[int, int] | None:
        """Lists and entries that `now` lacks; None if it lacks none, or what it lacks was removed on purpose.

        `replaced`: how this history was replaced, "" if it was not.
        """
        if replaced or not (self.lists or self.entries):
            return None
        missing = max(0, self.lists - now.lists), max(0, self.entries - now.entries)
        if now.history != self.history:
            return missing
        # A removal raises the version.
        return missing if now.version <= self.version and any(missing) else None


class AppliedListsFile:
    """Records AppliedLists in a file. All processes of the machine share it. `directory`: where it is, state_dir."""

    def __init__(self, path: Path) -> None:
        self._path, self.directory = path, path.parent
        self._written: AppliedLists | None = None
        self._next_write = 0.0

    def read(self) -> AppliedLists | None:
        """What was recorded; None if nothing was, or the file is damaged."""
        try:
            found = json.loads(self._path.read_bytes())
            return AppliedLists(found["history"], found["version"], found["lists"], found["entries"])
        except FileNotFoundError:
            return None
        except (OSError, *DECODE_ERRORS) as error:
            logger.error("%s: what this machine applied last can't be read: %s", self._path, error)
            return None

    def write(self, applied: AppliedLists, at_once: bool = False) -> None:
        """Record it, unless it is recorded, or something was within WRITE_SECONDS and it need not be `at_once`."""
        if applied == self._written or (time.monotonic() < self._next_write and not at_once):
            return
        self._next_write = time.monotonic() + WRITE_SECONDS
        try:
            write_whole(self._path, json.dumps(asdict(applied)))
        except OSError as error:
            logger.error("%s: what this machine has applied can't be recorded: %s", self._path, error.strerror)
            return
        self._written = applied


class StoreLossWatch:
    """Decides for one replica whether the store lost data.

    Args:
        file: where this machine records what it applied; None: nowhere.

    Attributes:
        loss: what the store lacks; None if it lacks nothing.
        asked_history: the history whose replacement is asked for with each heartbeat.
    """

    def __init__(self, matcher: Matcher, file: AppliedListsFile | None = None) -> None:
        self.loss: StoreLoss | None = None
        self._matcher, self._file = matcher, file
        self._followed = ""
        self._applied_before = file.read() if file else None
        self._lost_history = self._applied_before.history if self._applied_before else ""

    @property
    def asked_history(self) -> str:
        return self._lost_history or self._followed

    def notices(self, history: StoreHistory, version: int, applied_at: float | None) -> bool:
        """Whether the store's answer to a heartbeat shows a loss.

        `version` and `applied_at` are of the change that was applied last when the heartbeat was sent.
        """
        if history.replaced:
            return False
        same_change = history.applied_at is not None and history.applied_at == applied_at
        another_change = history.applied_at is not None and applied_at is not None and not same_change
        another_history = bool(self._followed) and history.id != self._followed and not same_change
        return history.version < version or another_change or another_history

    def lost(self) -> None:
        """The store lost data, after this process had loaded it."""
        self._lost_history = self._lost_history or self._followed

    def loaded(self, history: StoreHistory, version: int, missing: tuple[int, int]) -> None:
        """All that the store has is loaded.

        Args:
            history: the store's answer to the heartbeat before.
            missing: lists and entries that were in memory and are not in the store.
        """
        now = self._applied(history.id, version)
        if self._applied_before is not None and (lacks := self._applied_before.lacks(now, history.replaced)):
            self.loss = StoreLoss(*lacks, in_memory=False, since=self.loss.since if self.loss else time.time())
        elif any(missing):
            self.loss = StoreLoss(*missing, in_memory=True, since=self.loss.since if self.loss else time.time())
        else:
            self.loss, self._lost_history = None, ""
            self._applied_before = None
        self._followed = history.id
        metrics.store_lost.set(self.loss is not None)
        self.record(version)

    def record(self, version: int, at_once: bool = False) -> None:
        """Record what is applied, unless the store has lost data."""
        if self._file is not None and self.loss is None and self._followed:
            self._file.write(self._applied(self._followed, version), at_once)

    def _applied(self, history: str, version: int) -> AppliedLists:
        return AppliedLists(history, version, len(self._matcher.lists), sum(self._matcher.counts().values()))
