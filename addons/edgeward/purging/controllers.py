"""The live controllers and the settings that they must share.

{purges}:controllers          hash: controller -> "<when it said so last> <digest of its settings>"; and the lease clock
                              by which that is counted (store/lease_clock.py)
{purges}:controller-settings  hash: digest -> those settings as JSON

A controller is known by its host name and port, and after "#" by an id of its place: machines may have equal names. One
that is restarted in its place is the same. (Controllers of earlier releases have no such id.)
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgeward.caches import Purged
from edgeward.settings.shared_settings import SettingDifference, differences, names_of_caches
from edgeward.store.connection import Store
from edgeward.store.lease_clock import lease_clock
from edgeward.types import Delivery
from edgeward.types.accepted_purges import ANOTHER_CACHE

LIVE_SECONDS = 15.0
"""A controller says so each second."""
KEPT_SECONDS = 7 * 86400.0
"""One that has not said so for this long is forgotten. Until then its settings count, unless it ended orderly or an
operator says that it serves nothing any more: its worker may still serve from a cache that no other controller has."""
SAY_SECONDS, MAX_GAP = 1.0, 2.5
"""About the time between two controllers that say so, and the longest that the lease clock takes for such."""
NOT_HEARD_FROM = " (not heard from)"
"""Follows the name of a controller that is silent."""

# KEYS: controllers, settings. ARGV: controller, digest, seconds after which a silent one is forgotten
# -> 1 if the settings are missing; the time; all controllers with their values
_SAY = (
    lease_clock(MAX_GAP, SAY_SECONDS)
    + """
local clock, now = lease_clock(KEYS[1])
set_lease_clock(KEYS[1], clock, now)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.6f', clock) .. ' ' .. ARGV[2])
local fields, controllers, used = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #fields, 2 do
  local at, digest = string.match(fields[i + 1], '(%S+) (%S+)')
  if at and clock - tonumber(at) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], fields[i])
  elseif at then
    used[digest] = true
    controllers[#controllers + 1] = fields[i]
    controllers[#controllers + 1] = fields[i + 1]
  end
end
for _, digest in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not used[digest] then redis.call('HDEL', KEYS[2], digest) end
end
return {redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0, string.format('%.6f', clock), controllers}
"""
)


# KEYS: controllers. ARGV: host name, seconds after which one is silent
_FORGET_SILENT = (
    lease_clock(MAX_GAP, SAY_SECONDS)
    + """
local clock, fields = lease_clock(KEYS[1]), redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local at = string.match(fields[i + 1], '(%S+) %S+')
  local host = string.match(fields[i], '^(.*):%d+')
  if at and host == ARGV[1] and clock - tonumber(at) >= tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], fields[i])
  end
end
"""
)


class Controllers:
    """Those on record.

    Attributes:
        differing: what differs between those on record, as of the last `say`.
        caches_elsewhere: names of the caches that live ones other than this have, as of then.
        shares_name: whether another live one has the same name as this, but for its place.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._key = store.key("{purges}", "controllers")
        self._settings_key = store.key("{purges}", "controller-settings")
        self._known: dict[str, Mapping[str, str]] = {}
        self.differing: Sequence[SettingDifference] = ()
        self.caches_elsewhere: frozenset[str] = frozenset()
        self.shares_name = False
        # By live controller with a namesake what it had said when it was first seen. It lives once it says more.
        self._first: dict[str, bytes] = {}
        # Those that lived at the same time as a namesake: neither of them took the other's place.
        self._twins: set[str] = set()

    async def say(self, name: str, settings: Mapping[str, str]) -> None:
        """The controller `name` lives, and has these settings. Learn what others have."""
        text = json.dumps(settings, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        keys = [self._key, self._settings_key]
        missing, now, found = await self._store.run(_SAY, keys, [name, digest, KEPT_SECONDS])
        if missing:
            await self._redis.hset(self._settings_key, digest, text)
        values = {each.decode(): value for each, value in zip(found[::2], found[1::2], strict=True)}
        known, live = {name: settings}, {name}
        for each, value in values.items():
            at, other = value.decode().split()
            if each != name and (others := await self._settings(other)):
                known[each] = others
                live |= {each} if float(now) - float(at) < LIVE_SECONDS else set()
        self._first = {each: self._first.get(each, values[each]) for each in live if _has_namesake(each, live)}
        advanced = {each for each, first in self._first.items() if values[each] != first}
        self._twins = (self._twins & known.keys()) | advanced
        self.shares_name = any(_is_namesake(each, name) for each in self._twins & live)
        # One that was killed and started at another place (after a crash of the machine, in another container) has a
        # successor of its name.
        counting = {each for each in known if each in live or each in self._twins or not _has_namesake(each, live)}
        self.differing = differences({_shown(each, counting, each in live): known[each] for each in counting})
        elsewhere = (names_of_caches(known[each]) for each in live - {name})
        self.caches_elsewhere = frozenset(cache for names in elsewhere for cache in names)

    async def forget_silent(self, machine: str) -> None:
        """Forget those of a machine (its host name) that are not heard from: they serve nothing any more."""
        await self._store.run(_FORGET_SILENT, [self._key], [machine, LIVE_SECONDS])

    async def _settings(self, digest: str) -> Mapping[str, str] | None:
        """The settings with this digest; None if they are not on record any more."""
        if digest not in self._known:
            text = await self._redis.hget(self._settings_key, digest)
            if text is None:
                return None
            # Of the few that live ones have; those before are not needed.
            self._known = {**dict(list(self._known.items())[-100:]), digest: json.loads(text)}
        return self._known[digest]

    async def caches_before(self, name: str) -> set[str]:
        """The caches that the controller `name` had when it said so last, perhaps before a restart."""
        value = await self._redis.hget(self._key, name)
        settings = await self._settings(value.decode().split()[1]) if value else None
        return names_of_caches(settings or {})

    async def leave(self, name: str) -> None:
        """The controller has ended."""
        await self._redis.hdel(self._key, name)

    def differing_caches(self) -> dict[str, str]:
        """By cache of which controllers may purge different ones: how their settings differ."""
        found: dict[str, list[str]] = {}
        for each in self.differing:
            if each.cache:
                found.setdefault(each.cache, []).append(str(each))
        return {cache: "; ".join(texts) for cache, texts in found.items()}

    def as_known(self, cache: str, results: Sequence[Purged]) -> list[Purged]:
        """What is known of purges that this controller carried out: one cache has verified them, and another may have
        the same name."""
        if not any(each.cache == cache for each in self.differing):
            return list(results)
        return [
            replace(result, delivery=Delivery.DELIVERED, detail=ANOTHER_CACHE)
            if result.delivery is Delivery.VERIFIED
            else result
            for result in results
        ]


def _base(name: str) -> str:
    return name.partition("#")[0]


def _is_namesake(name: str, other: str) -> bool:
    """Whether two controllers have one name, at different places."""
    return name != other and _base(name) == _base(other)


def _has_namesake(name: str, others: Collection[str]) -> bool:
    return any(_is_namesake(each, name) for each in others)


def _shown(name: str, known: Collection[str], is_live: bool) -> str:
    """The name as people know it, with the place where that is needed to tell it from others."""
    shown = name if _has_namesake(name, known) else _base(name)
    return shown if is_live else shown + NOT_HEARD_FROM
