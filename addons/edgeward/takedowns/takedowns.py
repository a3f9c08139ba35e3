"""Takedowns in the store: who asked for what to be removed, when and how, and the purge orders that followed.

{takedowns}:record:<id>  hash: the takedown as JSON, and its progress (see background/job_store.py)
{takedowns}:orders:<id>  list: ids of its purge orders
{takedowns}:unseen:<id>  list: what of it was never seen, as "urls URL", "prefixes URL" or "hashes TYPE:HEX"
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from edgeward.background.job_store import JobRecord, JobStore
from edgeward.background.readable_records import readable
from edgeward.errors import Conflict, LaterRelease, NotFound
from edgeward.store.connection import Store
from edgeward.types import Signal, Target
from edgeward.types.later_releases import check_version

ID_PREFIX = "td-"
"""Begins the id of a takedown, and never that of an entry."""
ORDERS_PER_CALL = 1000
"""Ids of orders that one call reads or writes."""

# The number of steps never falls: a worker that was frozen may note an earlier step after another has gone on.
# KEYS: record, orders. ARGV: field, value, then ids of orders
_NOTE = """
for i = 3, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if not known or known <= (tonumber(ARGV[2]) or known) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
"""

# KEYS: record. ARGV: field with the takedown, summary
_NOTE_SUMMARY = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], 'summary', ARGV[2]) end
"""


@dataclass(frozen=True, slots=True)
class Takedown:
    """What to remove, and who asked for it.

    Attributes:
        way: "api" or "webhook".
        at: when it was asked for, Unix seconds.
        urls: as plain targets: without variants.
        prefixes: plain targets too; everything below them is purged.
        groups: by URL as it was written, the positions in `urls` of the targets that it stands for; () if each stands
            for one.
        list: the list that the signals are added to; "" for none.
        hosts: images of the signals are purged at these hosts only; () is everywhere.
        version: that of the lists when the takedown was asked for.
        key: its idempotency key, or "".
    """

    by: str
    way: str
    at: float
    why: str = ""
    urls: tuple[Target, ...] = ()
    prefixes: tuple[Target, ...] = ()
    signals: tuple[Signal, ...] = ()
    list: str = ""
    hosts: tuple[str, ...] = ()
    version: int = 0
    key: str = ""
    id: str = ""
    groups: tuple[tuple[int, ...], ...] = ()

    def to_json(self) -> str:
        data = asdict(self)
        if not self.groups:  # as an older Edgeward writes it, and reads it
            del data["groups"]
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A takedown as stored. Raises LaterRelease if only a later release can carry it out."""
        stored = json.loads(text)
        check_version(stored, "a takedown")
        data = {name: stored[name] for name in _FIELDS if name in stored}
        for name in ("urls", "prefixes"):
            data[name] = tuple(map(Target.from_dict, data[name]))
        data["signals"] = tuple(Signal.from_dict(signal) for signal in data["signals"])
        data["hosts"] = tuple(data["hosts"])
        data["groups"] = tuple(map(tuple, data.get("groups", ())))
        return cls(**data)

    @property
    def digest(self) -> str:
        """Equal for two takedowns that ask for the same, at whatever time."""
        what = replace(self, at=0.0, version=0, id="", groups=()).to_json()
        return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()

    @property
    def written_urls(self) -> Sequence[tuple[Target, ...]]:
        """By URL as it was written, the targets that it stands for."""
        if not self.groups:
            return [(url,) for url in self.urls]
        return [tuple(self.urls[position] for position in group) for group in self.groups]


_FIELDS = tuple(each.name for each in fields(Takedown))


@dataclass(frozen=True, slots=True)
class TakedownProgress:
    """How far a takedown is.

    Attributes:
        placed_at: when all its orders were placed, Unix seconds; 0 before.
        steps: number of its steps that are done.
        orders: number of its orders.
        unseen: how much of it was never seen, so that only what it names itself was purged.
        error: what of it could not be done, or "".
        summary: what became of it, as JSON, once that does not change any more; "" before. See `note_summary`.
        is_held: whether it waits for a person.
        held: why it was held, as JSON; "" if it was not.
    """

    placed_at: float = 0.0
    steps: int = 0
    orders: int = 0
    error: str = ""
    unseen: int = 0
    summary: str = ""
    is_held: bool = False
    held: str = ""


class Takedowns:
    """Takedowns in the store, until their orders are forgotten."""

    def __init__(self, store: Store) -> None:
        self.job_store = JobStore(store, "takedowns", "takedown", "takedown", lists=("orders", "unseen"))
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    async def create(self, takedown: Takedown, held: str = "") -> tuple[Takedown, bool]:
        """Record a takedown durably, to be carried out.

        Args:
            held: why a person must approve it first, as JSON; "": it may begin.

        Returns:
            The takedown as it is in the store, and whether it is new: not if it was asked for before under its key.

        Raises:
            Conflict: something else was asked for under the same idempotency key.
        """
        digest = takedown.digest
        text, key = takedown.to_json(), takedown.key
        known = await self.job_store.create(takedown.id, text, takedown.at, key, digest, held=held)
        if known is None:
            return takedown, True
        known_id, known_digest = known
        if known_digest != digest:
            raise Conflict(f"takedown {known_id} has this idempotency key, but a different content")
        return (await self.get(known_id))[0], False

    async def get(self, takedown_id: str) -> tuple[Takedown, TakedownProgress]:
        """A takedown and its progress.

        Raises:
            NotFound: there is none of this id, or no longer.
        """
        return _parse(await self.job_store.get(takedown_id))

    async def recent(self, limit: int = 100) -> list[tuple[Takedown, TakedownProgress]]:
        """The latest takedowns, newest first."""
        return readable("job", await self.job_store.recent(limit), _parse)

    async def held(self, limit: int) -> list[tuple[Takedown, TakedownProgress]]:
        """Those that wait for a person, oldest first."""
        return readable("job", await self.job_store.read(await self.job_store.held_ids(limit)), _parse)

    async def reject(self, takedown_id: str, why: str) -> bool:
        """Close a held takedown durably. Returns whether it was held until now."""
        done = {"placed_at": f"{self._store.clock.now():.6f}", "trouble": why}
        return await self.job_store.reject(takedown_id, done)

    async def orders(self, takedown_id: str, start: int = 0, limit: int = ORDERS_PER_CALL) -> list[str]:
        """Ids of its orders from number `start` on, in the order in which they were placed."""
        found = await self._redis.lrange(self.job_store.key("orders", takedown_id), start, start + limit - 1)
        return [order_id.decode() for order_id in found]

    async def all_orders(self, takedown_id: str) -> AsyncIterator[str]:
        """Ids of all its orders."""
        start = 0
        while ids := await self.orders(takedown_id, start):
            for order_id in ids:
                yield order_id
            start += len(ids)

    async def note_steps(self, takedown_id: str, steps: int, order_ids: Sequence[str]) -> None:
        """The first `steps` steps are done; these orders were placed by the last of them, or by the next."""
        await self._note(takedown_id, "parts", steps, order_ids)

    async def note_unseen(self, takedown_id: str, kind: str, texts: Sequence[str]) -> None:
        """These URLs, prefixes or hashes match nothing that was seen. `kind`: "urls", "prefixes" or "hashes"."""
        if texts:
            await self._redis.rpush(self.job_store.key("unseen", takedown_id), *(f"{kind} {text}" for text in texts))

    async def unseen(self, takedown_id: str) -> list[tuple[str, str]]:
        """(kind, text) of what `note_unseen` noted, each once: a step that was done again noted it again."""
        texts = await self._redis.lrange(self.job_store.key("unseen", takedown_id), 0, -1)
        pairs = (text.decode().partition(" ") for text in dict.fromkeys(texts))
        return [(kind, text) for kind, _, text in pairs]

    async def note_error(self, takedown_id: str, error: str) -> None:
        """A step can't be done."""
        await self._note(takedown_id, "trouble", error, ())

    async def note_summary(self, takedown_id: str, summary: str) -> None:
        """Keep what became of all its orders, so that nobody has to read them again."""
        await self._store.run(_NOTE_SUMMARY, [self.job_store.record(takedown_id)], ["takedown", summary])

    async def _note(self, takedown_id: str, field: str, value: str | int, order_ids: Sequence[str]) -> None:
        keys = [self.job_store.record(takedown_id), self.job_store.key("orders", takedown_id)]
        for start in range(0, max(1, len(order_ids)), ORDERS_PER_CALL):
            await self._store.run(_NOTE, keys, [field, value, *order_ids[start : start + ORDERS_PER_CALL]])

    async def finish(self, takedown_id: str) -> None:
        """All orders are placed."""
        await self.job_store.finish(takedown_id, {"placed_at": f"{self._store.clock.now():.6f}"})

    async def finished_before(self, at: float, limit: int = 10_000) -> list[tuple[str, str]]:
        """(id, id of its last order or "") of each finished takedown that was asked for before `at`, oldest first."""
        ids = await self.job_store.finished_before(at, limit)
        async with self._store.pipeline() as pipe:
            for takedown_id in ids:
                # After it was seen to be finished: it gets no more orders.
                pipe.lindex(self.job_store.key("orders", takedown_id), -1)
            last_orders = await pipe.execute()
        return [(each, order.decode() if order else "") for each, order in zip(ids, last_orders, strict=True)]

    async def forget(self, takedown_id: str) -> None:
        """Remove all that is stored of a takedown, unless it is still to be carried out. Another controller may have
        removed it, in whole or in part: then this removes what is left."""
        try:
            takedown, progress = await self.get(takedown_id)
        except NotFound:
            await self.job_store.forget(takedown_id)
            return
        except LaterRelease:
            return  # left to controllers of that release
        if progress.placed_at:
            await self.job_store.forget(takedown_id, takedown.key)


def _parse(record: JobRecord) -> tuple[Takedown, TakedownProgress]:
    progress = TakedownProgress(
        placed_at=float(record.fields.get(b"placed_at", 0)),
        # Stored under the names that 0.1 gave these two.
        steps=int(record.fields.get(b"parts", 0)),
        error=record.fields.get(b"trouble", b"").decode(),
        orders=record.lengths["orders"],
        unseen=record.lengths["unseen"],
        summary=record.fields.get(b"summary", b"").decode(),
        is_held=record.held_at is not None,
        held=record.fields.get(b"held", b"").decode(),
    )
    return Takedown.from_json(record.job), progress
