"""Changes of a list's policy that wait until a second person approves them, and the worker that makes approved ones.

{changes}:record:<id>  hash: the change as JSON, and what was decided (see background/job_store.py)
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from edgeward.background.job_store import JobRecord, JobStore
from edgeward.background.job_worker import JobWorker
from edgeward.background.readable_records import readable
from edgeward.errors import NotFound
from edgeward.lists.audit_trail import request_from, request_origin
from edgeward.lists.list_store import ListStore
from edgeward.store.connection import Store
from edgeward.types import HashList
from edgeward.types.later_releases import check_version

ID_PREFIX = "chg-"
MAX_CONCURRENT = 16
"""Changes that one controller makes at the same time."""
OLD_PER_ROUND = 1000


@dataclass(frozen=True, slots=True)
class HeldChange:
    """A change of a list's policy. `values` are the keys of the list's JSON that it sets; `at` is Unix seconds."""

    list: str
    values: Mapping[str, Any]
    by: str
    at: float
    why: str = ""
    origin: str = field(default_factory=request_origin)
    id: str = field(default_factory=lambda: ID_PREFIX + secrets.token_hex(8))

    @classmethod
    def between(cls, old: HashList, new: HashList, by: str, at: float, why: str) -> Self:
        """The change that makes the new policy of the old one."""
        before, after = json.loads(old.to_json()), json.loads(new.to_json())
        # A key that is written only where it is set is missing where it is not.
        empty = json.loads(HashList(old.name).to_json())
        names = sorted(before.keys() | after.keys())
        values = {name: after.get(name, empty.get(name)) for name in names if before.get(name) != after.get(name)}
        return cls(old.name, values, by, at, why)

    def applied_to(self, old: HashList) -> HashList:
        """The list with these values; what else was changed meanwhile stays."""
        data = json.loads(old.to_json()) | self.values
        return HashList.from_json(json.dumps({name: value for name, value in data.items() if value is not None}))

    def to_json(self) -> str:
        data = {"list": self.list, "values": dict(self.values), "by": self.by, "at": self.at, "why": self.why}
        return json.dumps({**data, "from": self.origin, "id": self.id}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A change as stored. Raises LaterRelease if only a later release can make it."""
        data = json.loads(text)
        check_version(data, "a change of a list")
        return cls(data["list"], data["values"], data["by"], data["at"], data["why"], data["from"], data["id"])


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """`state`: "held", "approved" (a worker makes it), "done" or "failed". `held`: why it was held, as JSON; `version`:
    that of the lists that it made, 0 before."""

    state: str
    held: str
    error: str = ""
    version: int = 0


class HeldChanges:
    """Held changes in the store, and decided ones until they are forgotten."""

    def __init__(self, store: Store) -> None:
        self.job_store = JobStore(store, "changes", "held change", "change")

    async def create(self, change: HeldChange, held: str) -> None:
        """Record a change durably. `held`: why, as JSON."""
        await self.job_store.create(change.id, change.to_json(), change.at, held=held)

    async def get(self, change_id: str) -> tuple[HeldChange, ChangeProgress]:
        """A change, and what became of it. Raises NotFound."""
        return _parse(await self.job_store.get(change_id))

    async def held(self, limit: int) -> list[tuple[HeldChange, ChangeProgress]]:
        """Those that wait for a person, oldest first."""
        return readable("job", await self.job_store.read(await self.job_store.held_ids(limit)), _parse)

    async def reject(self, change_id: str, why: str) -> bool:
        """Close a held change. Returns whether it was held until now."""
        return await self.job_store.reject(change_id, {"state": "failed", "error": why})

    async def forget_before(self, at: float) -> None:
        """Forget changes that are decided, and were asked for before `at`, Unix seconds."""
        while ids := await self.job_store.finished_before(at, OLD_PER_ROUND):
            for change_id in ids:
                await self.job_store.forget(change_id)


class HeldChangeWorker(JobWorker):
    """Makes the changes that were approved. If its controller dies, another makes them."""

    def __init__(self, changes: HeldChanges, list_store: ListStore) -> None:
        super().__init__("held changes", changes.job_store, MAX_CONCURRENT, metric_label="held_changes")
        self._changes, self._list_store = changes, list_store

    async def carry_out(self, job_id: str) -> None:
        """Make a change, as the one who asked for it. Made twice, it changes nothing the second time."""
        try:
            change, _ = await self._changes.get(job_id)
        except NotFound:
            # It has expired, and only its id is left.
            await self._changes.job_store.forget(job_id)
            return
        with request_from(change.origin):
            try:
                made = await self._list_store.change_list(change.list, change.applied_to, change.by, change.why)
            except NotFound as error:
                await self._changes.job_store.finish(job_id, {"state": "failed", "error": str(error)})
                return
        await self._changes.job_store.finish(job_id, {"state": "done", "version": str(made.version)})


def _parse(record: JobRecord) -> tuple[HeldChange, ChangeProgress]:
    fields = record.fields
    state = "held" if record.held_at is not None else fields.get(b"state", b"approved").decode()
    held, error = fields.get(b"held", b"").decode(), fields.get(b"error", b"").decode()
    return HeldChange.from_json(record.job), ChangeProgress(state, held, error, int(fields.get(b"version", 0)))
