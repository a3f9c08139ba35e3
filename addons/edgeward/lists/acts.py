"""Acts: requests, takedowns and imports that listed something. What one act listed can be taken back in one step.

{blocklist}:act:<id>          hash: the act, and how far its undo is
{blocklist}:act:<id>:added    list: ids of the entries that it added
{blocklist}:deletions         list name -> how often a list of that name was deleted
{blocklist}:act:<id>:withdrawn  list: the entries that it took off the list, for its undo (withdrawals.py)
{blocklist}:act:<id>:outcome  list: what its undo did, as JSON; see Outcome
{blocklist}:undone            sorted set: act -> when its undo was done, Unix seconds; until it is forgotten

The scripts in lua_scripts.py and act_scripts.py write them, together with the entries.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any, Self

from edgeward.background.readable_records import readable
from edgeward.errors import NotFound, StoreUnavailable
from edgeward.lists import act_scripts
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Batch, Entry

ID_PREFIX = "act-"
"""Begins the id of an act. A takedown and an import are acts under their own ids."""
ACT_ID = r"^act-[0-9a-f]{16}$"
MAX_REPORTED = 1000
"""Removed entries, and kept ones, whose fate an undo records one by one. All are counted."""
MAX_COUNTED = 1000
"""Entries of an act that are looked at to count those still on the list."""
IDS_PER_CALL = 1000
RESTORE_SECONDS = 600
"""After this time the ids of an act that nobody went on to restore are dropped."""
KEEP_SECONDS = 90 * 86400
"""How long an act is kept after its undo. Until then nothing can list under its id. It does not expire, or it would be
gone at once if the store's clock were set forwards."""
FORGOTTEN_AT_ONCE = 1000


def new_act_id() -> str:
    return ID_PREFIX + secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Act:
    """An act, and how far its undo is. Times are Unix seconds, 0 for what has not happened.

    Attributes:
        rows: number of entries that it listed in batches, and that were not listed before.
        known: number of its entries that another act had listed before.
        removed: number of its entries that the undo removed.
        kept: number of its entries that stay, since another act lists them too.
        withdrawn: number of entries that it took off the list, as their source withdrew them.
        restored: number of those that the undo has put back.
        version: of the lists, made by the undo; 0 if it has changed nothing.
    """

    id: str
    list: str
    by: str
    at: float
    why: str = ""
    known: int = 0
    undone_by: str = ""
    undone_why: str = ""
    undone_at: float = 0.0
    done_at: float = 0.0
    removed: int = 0
    kept: int = 0
    version: int = 0
    withdrawn: int = 0
    restored: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry. `kept_by` is the act that lists it now; None: it was removed. "": an unknown one.
    `restored`: the act had withdrawn it, and it was put back."""

    entry: Entry
    kept_by: str | None
    restored: bool = False

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        data = json.loads(text)
        kept_by = None if data["what"] == "removed" else data["act"]
        return cls(Entry.from_json(data["entry"]), kept_by, data["what"] == "restored")


class Acts:
    """The acts in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.prefix = store.key("{blocklist}", "act", "")
        self.deletions = store.key("{blocklist}", "deletions")
        self._undone = store.key("{blocklist}", "undone")
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def keys(self, act_id: str) -> tuple[str, str]:
        """The keys of an act's record, and of the ids of the entries that it added."""
        return self.prefix + act_id, f"{self.prefix}{act_id}:added"

    def withdrawn(self, act_id: str) -> str:
        """The key of the entries that an act took off its list."""
        return f"{self.prefix}{act_id}:withdrawn"

    def outcome(self, act_id: str) -> str:
        """The key of what the undo did."""
        return f"{self.prefix}{act_id}:outcome"

    async def get(self, act_id: str) -> Act:
        """An act.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        fields = await self._redis.hgetall(self.keys(act_id)[0])
        if b"list" not in fields:
            raise NotFound(f"no act has the ID {act_id!r}")
        return _parse(act_id, {name.decode(): value.decode() for name, value in fields.items()})

    async def declare(self, act_id: str, list_name: str, by: str, why: str) -> None:
        """Record an act that has listed nothing so far, so that it can be undone. A known one stays as it is.

        It lists on the list that has that name now, not on one that is made under the name later.
        """
        keys, at = [self.keys(act_id)[0], self.deletions], f"{self._store.clock.now():.6f}"
        await self._store.run(act_scripts.DECLARE_ACT, keys, [list_name, "by", by, "why", why, "at", at])

    async def withdraw(self, act_id: str) -> None:
        """Remove the record of an act that was declared, and has listed nothing."""
        await self._store.run(act_scripts.WITHDRAW_ACT, [*self.keys(act_id)])

    async def restore(self, act: Act, ids: Sequence[str]) -> None:
        """Record again an act whose record the store has lost, with the ids of its single entries. Several processes
        may do so at the same time: the first one counts."""
        record, added = self.keys(act.id)
        # Aside until all ids are there: the script then makes them the act's, with its record, or drops them.
        aside = f"{added}:{secrets.token_hex(8)}"
        fields: list[str | int] = [act.list, "by", act.by, "why", act.why, "at", f"{act.at:.6f}", "rows", act.rows]
        try:
            for some in batched(ids, IDS_PER_CALL):
                await self._redis.rpush(aside, *some)
                await self._redis.expire(aside, RESTORE_SECONDS)
            keys = [record, self.deletions, added, aside]
            if await self._store.run(act_scripts.RESTORE_ACT, keys, [*fields, len(ids)]) is None:
                raise StoreUnavailable("the store's clock was set forwards while an act was restored: try again")
        except BaseException:
            with suppress(*STORE_AWAY):
                await self._redis.unlink(aside)
            raise

    async def outcomes(self, act_id: str) -> list[Outcome]:
        """What the undo did with the first MAX_REPORTED removed entries, and as many kept ones."""
        found = await self._redis.lrange(self.outcome(act_id), 0, -1)
        return readable("undone entry", found, Outcome.from_json)

    async def added(self, act_id: str) -> tuple[list[str], bool]:
        """Ids of the first MAX_COUNTED entries that the act added, and whether there are more."""
        ids = await self._redis.lrange(self.keys(act_id)[1], 0, MAX_COUNTED)
        return [each.decode() for each in ids[:MAX_COUNTED]], len(ids) > MAX_COUNTED

    async def next_added(self, act_id: str, limit: int) -> list[str]:
        """Ids of the entries that its undo takes back next."""
        return [each.decode() for each in await self._redis.lrange(self.keys(act_id)[1], 0, limit - 1)]

    async def count_added(self, act: Act) -> int:
        """How many entries the act added, single ones and rows of batches, that its undo has not taken back. The rows
        of all its batches count until its undo is done."""
        single = int(await self._redis.llen(self.keys(act.id)[1]))
        return single + (0 if act.done_at else act.rows)

    async def finish_undo(self, act_id: str) -> None:
        """Record durably that nothing is left to take back."""
        keys, at = [self.keys(act_id)[0], self._undone], f"{self._store.clock.now():.6f}"
        await self._store.run_durably(act_scripts.FINISH_UNDO, keys, [act_id, at])

    async def forget_undone(self, before: float) -> None:
        """Forget acts whose undo was done before then, Unix seconds."""
        while ids := await self._redis.zrangebyscore(self._undone, "-inf", before, start=0, num=FORGOTTEN_AT_ONCE):
            for act_id in map(bytes.decode, ids):
                keys = [self._undone, *self.keys(act_id), self.withdrawn(act_id), self.outcome(act_id)]
                await self._store.run_even_if_full(act_scripts.FORGET_ACT, keys, [act_id])


def from_entries(act_id: str, entries: Sequence[Entry], batches: Sequence[Batch] = ()) -> Act | None:
    """What the single entries and the batches of an act, all on one list, say of it; None: there are none."""
    acts = [Act(act_id, each.list, each.added_by, each.added_at, each.reason) for each in entries]
    acts += [Act(act_id, each.list, each.by, each.at, each.why) for each in batches]
    rows = sum(batch.rows for batch in batches)
    return replace(min(acts, key=lambda act: act.at), rows=rows) if acts else None


def _parse(act_id: str, fields: Mapping[str, str]) -> Act:
    def number(name: str) -> int:
        return int(fields.get(name, 0))

    def seconds(name: str) -> float:
        return float(fields.get(name, 0))

    return Act(
        id=act_id,
        list=fields["list"],
        by=fields["by"],
        at=seconds("at"),
        why=fields.get("why", ""),
        known=number("known"),
        undone_by=fields.get("undone_by", ""),
        undone_why=fields.get("undone_why", ""),
        undone_at=seconds("undone_at"),
        done_at=seconds("done_at"),
        removed=number("removed"),
        kept=number("kept"),
        version=number("version"),
        withdrawn=number("withdrawn"),
        restored=number("restored"),
        rows=number("rows"),
    )
