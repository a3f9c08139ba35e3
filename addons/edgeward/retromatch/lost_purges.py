"""Purges of whole hosts where sightings were lost: which images were there is not known.

A host is purged rarely, whatever is listed meanwhile. One purge serves all listings until a target is lost there again,
once no worker leaves out a target that it has recorded. Until then each listing needs a purge after it: listings that
follow each other closely share one, which is due until then.

{forgotten}:lost-purges  hash: host -> id of its latest purge
{forgotten}:lost-due     hash: list and host -> "since token": a purge that entries added since then wait for
"""

import math
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from edgeward.purging.image_orders import forgotten_orders
from edgeward.purging.lost_orders import EVERY_LIST
from edgeward.purging.orders import Orders
from edgeward.retromatch.forgotten_purges import ForgottenPurges
from edgeward.sightings.forgotten import ForgottenTargets, pack_prefix, unpack_prefix
from edgeward.store.connection import Store
from edgeward.types import Cause, Change, ListKind, PurgeOrder, Target

LOST_PURGE_SECONDS = 5.0
"""Minimum time between two purges of a whole host."""
REUSE_SECONDS = 3600.0
"""For how long one purge serves all listings. Much less than orders are kept."""
MAX_SHARED = 100
"""Entries that an order is noted for one by one. It is noted for more by the times when they were added."""
ANY_TIME = 0.0

# Each note has a token of its own, so that a purge placed before it does not end it.
# KEYS: due. ARGV: token; then field, since...
_NOTE_DUE = """
for i = 2, #ARGV, 2 do
  local before = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '%S+') or ARGV[i + 1])
  local since = string.format('%.3f', math.min(before, tonumber(ARGV[i + 1])))
  redis.call('HSET', KEYS[1], ARGV[i], since .. ' ' .. ARGV[1])
end
"""

# KEYS: due. ARGV: field, value, field, value...
_END_DUE = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""


class _Due(NamedTuple):
    """A purge that is due: as it is stored, and for entries of which list, added since when."""

    field: bytes
    value: bytes
    list: str
    since: float


class LostPurges:
    """Places the purges of hosts of lost sightings, and notes for whom they count."""

    def __init__(self, store: Store, forgotten: ForgottenTargets, orders: Orders) -> None:
        self._store, self._forgotten, self._orders = store, forgotten, orders
        self._purges = ForgottenPurges(store, forgotten, orders)
        # When purges of late losses were placed (time.monotonic).
        self._late_at: dict[Target, float] = {}
        # The purges that this object has placed lately, and when (time.monotonic).
        self._own: dict[str, float] = {}
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._latest_key, self._due_key = store.key("{forgotten}", "lost-purges"), store.key("{forgotten}", "lost-due")

    async def purge(self, changes: Sequence[Change]) -> list[str]:
        """Purge the hosts of lost targets, once for all of these changes, which are matched against all sightings.

        Returns the ids of the orders, without those of purges that are due.
        """
        lost = await self._forgotten.lost_marks() if changes else {}
        if not lost:
            return []
        latest = await self._latest()
        served = await self._serving(latest)
        reused, due, new = [], [], {}
        for host, mark in lost.items():
            order_id = latest.get(host, "")
            placed_at = self._orders.clock.placed_at(order_id) if order_id in served else None
            if placed_at is not None and self._forgotten.makes_up_for(mark, placed_at):
                reused.append(order_id)
            elif self._is_recent(order_id):
                due.append(host)
            else:
                new[host] = mark.count
        added = [change.entry.id for change in changes if change.op == "entry.add" and change.entry]
        first = changes[0]
        orders = forgotten_orders(
            new, Cause.LISTING, first.at, entry_id=next(iter(added), ""), why=first.why, by=first.who
        )
        ids = [*reused, *await self._place(orders)]
        # The entries of a batch are not counted one by one.
        if few := len(added) <= MAX_SHARED and not any(change.batch for change in changes):
            await self._orders.shared.share(ids, added)
        for name, since in _covered_by_list(changes).items():
            if not few or since == ANY_TIME:
                await self._orders.lost.note(name, since, self._store.clock.now(), ids)
        await self._note_due(due, changes)
        return ids

    async def purge_late(self, hosts: Mapping[Target, int]) -> None:
        """Purge hosts where targets were lost that older lists judged: any listing until now may have missed them.

        Where this object has placed one for the same host lately, the next one is due.
        """
        now = time.monotonic()
        self._late_at = {host: at for host, at in self._late_at.items() if now - at < LOST_PURGE_SECONDS}
        due = [host for host in hosts if host in self._late_at]
        new = {host: count for host, count in hosts.items() if host not in due}
        self._late_at |= dict.fromkeys(new, now)
        ids = await self._place(forgotten_orders(new, Cause.LISTING, self._store.clock.now()))
        await self._orders.lost.note(EVERY_LIST, ANY_TIME, self._store.clock.now(), ids)
        await self._note_due_since(due, {EVERY_LIST: ANY_TIME})

    async def is_due(self, list_name: str) -> bool:
        """Whether entries of a list wait for a purge: more orders will follow from them."""
        fields = await self._redis.hkeys(self._due_key)
        return any(_list_of(field) in (list_name, EVERY_LIST) for field in fields)

    async def place_due(self) -> None:
        """Place the purges that are due, where the latest one of the host is old enough."""
        due: dict[Target, list[_Due]] = {}
        for field, value in (await self._redis.hgetall(self._due_key)).items():
            name, _, host = field.partition(b"\0")
            due.setdefault(unpack_prefix(host), []).append(_Due(field, value, name.decode(), float(value.split()[0])))
        if not due:
            return
        lost, latest = await self._forgotten.lost_marks(), await self._latest()
        # Where nothing is lost any more, every cache has carried out a purge that made up for it.
        ready = [host for host in due if host not in lost or not self._is_recent(latest.get(host, ""))]
        orders = forgotten_orders(
            {host: lost[host].count for host in ready if host in lost}, Cause.LISTING, self._store.clock.now()
        )
        for order, order_id in zip(orders, await self._place(orders), strict=True):
            for each in due[order.target]:
                await self._orders.lost.note(each.list, each.since, self._store.clock.now(), [order_id])
        done = [part for host in ready for each in due[host] for part in (each.field, each.value)]
        if done:
            await self._store.run_even_if_full(_END_DUE, [self._due_key], done)

    def _age(self, order_id: str) -> float:
        """In seconds. Where its time is not known, as the store's clock was set back, since this object has placed it,
        or infinite: such a purge serves no other listing."""
        placed_at = self._orders.clock.placed_at(order_id) if order_id else None
        if placed_at is not None:
            return self._store.clock.now() - placed_at
        return time.monotonic() - self._own.get(order_id, -math.inf)

    def _is_recent(self, order_id: str) -> bool:
        return self._age(order_id) < LOST_PURGE_SECONDS

    async def _place(self, orders: Sequence[PurgeOrder]) -> list[str]:
        ids = await self._purges.place(orders)
        if ids:
            latest = {pack_prefix(order.target): order_id for order, order_id in zip(orders, ids, strict=True)}
            await self._redis.hset(self._latest_key, mapping=latest)
            now = time.monotonic()
            own = {order_id: at for order_id, at in self._own.items() if now - at < LOST_PURGE_SECONDS}
            self._own = own | dict.fromkeys(ids, now)
        return ids

    async def _latest(self) -> dict[Target, str]:
        """By host the id of its latest purge. Those of long ago are removed: they are of no use."""
        found = {
            unpack_prefix(host): order_id.decode()
            for host, order_id in (await self._redis.hgetall(self._latest_key)).items()
        }
        if old := [host for host, order_id in found.items() if self._age(order_id) > REUSE_SECONDS]:
            await self._redis.hdel(self._latest_key, *map(pack_prefix, old))
        return {host: order_id for host, order_id in found.items() if host not in old}

    async def _serving(self, latest: Mapping[Target, str]) -> set[str]:
        """The purges that are still on record, so that later receipts can read what became of them."""
        return {order.id for order, _ in await self._orders.get_many(list(latest.values()))}

    async def _note_due(self, hosts: Iterable[Target], changes: Sequence[Change]) -> None:
        await self._note_due_since(hosts, _covered_by_list(changes))

    async def _note_due_since(self, hosts: Iterable[Target], since: Mapping[str, float]) -> None:
        args = [
            part
            for host in hosts
            for name, added_at in since.items()
            for part in (name.encode() + b"\0" + pack_prefix(host), f"{added_at:.3f}")
        ]
        if args:
            await self._store.run_even_if_full(_NOTE_DUE, [self._due_key], [secrets.token_hex(8), *args])


def _covered(change: Change) -> tuple[str, float]:
    """The entries that a change made block more: of which list, and added since when."""
    if change.op == "entry.add" and change.entry:
        return change.entry.list, min(change.entry.added_at, change.at)
    if change.batch:
        # Rows of earlier batches that are listed again, or put back, were added when those say.
        only_own = change.op == "list.batch_add" and not change.batch.adds
        return change.batch.list, min(change.batch.at, change.at) if only_own else ANY_TIME
    if change.list and change.list.kind is not ListKind.ALLOW:
        return change.list.name, ANY_TIME
    # An allowlist protects less: what is on any list may block more.
    return EVERY_LIST, ANY_TIME


def _covered_by_list(changes: Iterable[Change]) -> dict[str, float]:
    since: dict[str, float] = {}
    for name, added_at in map(_covered, changes):
        since[name] = min(added_at, since.get(name, math.inf))
    return since


def _list_of(field: bytes) -> str:
    return field.partition(b"\0")[0].decode()
