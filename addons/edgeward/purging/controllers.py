"""The live controllers and the settings that they must share.

{purges}:controllers          hash: controller -> "<when it said so last, Unix seconds> <digest of its settings>"
{purges}:controller-settings  hash: digest -> those settings as JSON
"""

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgeward.caches import Purged
from edgeward.settings.shared_settings import SettingDifference, differences, names_of_caches
from edgeward.store.connection import Arg, Store
from edgeward.types import Delivery
from edgeward.types.accepted_purges import ANOTHER_CACHE

LIVE_SECONDS = 15.0
"""A controller says so each second."""
REMEMBERED_VALUES = 10
"""What this controller said last is remembered, to know it again."""
OTHER_OF_THE_NAME = " (another machine)"
"""Follows the name of a controller where two have the same."""
KEPT_SECONDS = 3600.0
"""One that has not said so for this long is forgotten."""

# KEYS: controllers, settings. ARGV: controller, now, digest, forget those before, what it said last
# -> 1 if the settings are missing; all controllers with their values; what was said before under this name
_SAY = """
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
local controllers, used = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #controllers, 2 do
  local at, digest = string.match(controllers[i + 1], '(%S+) (%S+)')
  if tonumber(at) < tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], controllers[i]) else used[digest] = true end
end
-- Another controller of this name may live: its settings are read next.
if before and before ~= ARGV[5] then used[string.match(before, '%S+ (%S+)')] = true end
for _, digest in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not used[digest] then redis.call('HDEL', KEYS[2], digest) end
end
return {redis.call('HEXISTS', KEYS[2], ARGV[3]) == 0, controllers, before}
"""


class Controllers:
    """Those on record.

    Attributes:
        differing: what differs between the live ones, as of the last `say`.
        caches_elsewhere: names of the caches that live ones other than this have, as of then.
        shares_name: whether another live one has the same name as this: equal host names and admin ports.
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
        # The latest, also those whose answer was lost.
        self._written: deque[bytes] = deque(maxlen=REMEMBERED_VALUES)
        # The digest of the other one's settings, and when it was seen last.
        self._namesake: tuple[str, float] = ("", 0.0)

    async def say(self, name: str, settings: Mapping[str, str]) -> None:
        """The controller `name` lives, and has these settings. Learn what others have."""
        text = json.dumps(settings, sort_keys=True)
        digest, now = hashlib.sha256(text.encode()).hexdigest(), self._store.clock.now()
        last = self._written[-1] if self._written else b""
        args: list[Arg] = [name, f"{now:.3f}", digest, f"{now - KEPT_SECONDS:.3f}", last]
        self._written.append(f"{now:.3f} {digest}".encode())
        missing, found, before = await self._store.run(_SAY, [self._key, self._settings_key], args)
        if missing:
            await self._redis.hset(self._settings_key, digest, text)
        # The first time it is what this controller said before a restart.
        if before and last and before not in self._written:
            self._namesake = (before.decode().split()[1], now)
        self.shares_name = bool(self._namesake[0]) and abs(now - self._namesake[1]) < LIVE_SECONDS
        digests = {}
        for controller, value in zip(found[::2], found[1::2], strict=True):
            at, each = value.decode().split()
            if abs(now - float(at)) < LIVE_SECONDS:
                digests[controller.decode()] = each
        if self.shares_name:
            digests[name + OTHER_OF_THE_NAME] = self._namesake[0]
        live = {each: known for each, value in digests.items() if (known := await self._settings(value))}
        self.differing = differences({**live, name: settings})
        others = (names_of_caches(known) for each, known in live.items() if each != name)
        self.caches_elsewhere = frozenset(cache for names in others for cache in names)

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
        """The controller ends."""
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
