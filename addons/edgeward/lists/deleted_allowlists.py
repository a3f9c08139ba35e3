"""The entries that allowlists had when they were deleted: what these allowed must be matched again.

{blocklist}:gone:<list>  entry id -> Entry as JSON, of the allowlist of that name that was deleted last
{blocklist}:gone         sorted set: name of such a list -> when it was deleted, Unix seconds

They do not expire: if the store's clock were set forwards, they would go before they are matched. Earlier releases
wrote some that do.
"""

from typing import Any

from edgeward.store.connection import Store

KEEP_SECONDS = 7 * 86400.0

# A list that was deleted again since then stays.
# KEYS: deleted allowlists, entries of one. ARGV: its name, when it was deleted as the caller knows
_FORGET = """
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('UNLINK', KEYS[2])
"""


class DeletedAllowlists:
    """Those in the store. The script of a deletion (lua_scripts.py) adds to them.

    Attributes:
        index: the key of the sorted set.
    """

    def __init__(self, store: Store) -> None:
        self._store, self.index = store, store.key("{blocklist}", "gone")
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis

    def entries(self, list_name: str) -> str:
        """The key of the entries of a list."""
        return f"{self.index}:{list_name}"

    async def forget(self, before: float) -> None:
        """Forget those that were deleted before then, Unix seconds. All changes must be matched."""
        found = await self._redis.zrangebyscore(self.index, "-inf", before, withscores=True, score_cast_func=bytes)
        for name, at in found:
            await self._store.run_even_if_full(_FORGET, [self.index, self.entries(name.decode())], [name, at])
