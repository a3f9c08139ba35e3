"""Writes the batches of lists back that the store lost, from the files of a machine that still has them."""

from itertools import batched

from edgeward.lists.batches.batch_store import BatchStore
from edgeward.lists.replication.batch_updates import BatchUpdates
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import Store

ROWS_PER_CALL = 1000
"""Removed rows that one script call writes."""

_RESTORE = """
-- keys: lists, the batches of a list; its name, id of a batch, its record, version of the last change of the batches
-- -> 1 if it was not there
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) == 0 then return 0 end
local last = math.max(tonumber(redis.call('HGET', KEYS[2], '') or 0), tonumber(ARGV[4]))
redis.call('HSET', KEYS[2], '', string.format('%.0f', last))
return 1
"""

_RESTORE_REMOVED = """
-- keys: the removed rows of a list; for each "BATCH:ROW" and the version that removed it
for i = 1, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""


class BatchRefill:
    """Writes the batches back that act in one matcher. That can be repeated at any time: what is there stays."""

    def __init__(
        self, store: Store, matcher: Matcher, batches: BatchStore, updates: BatchUpdates, files: BatchFiles
    ) -> None:
        self._store, self._matcher, self._batches = store, matcher, batches
        self._updates, self._files = updates, files

    async def write_back(self, list_name: str) -> int:
        """Write the batches of a list back that the store lacks, with their versions. The list is there.

        Returns:
            How many entries of them are listed here.

        Raises:
            STORE_AWAY: what is written stays; the next request continues.
            FileNotFoundError, DamagedSegment: this machine does not have the files of a batch any more.
        """
        here, count = self._updates.of(list_name), 0
        there = {batch.id for batch in (await self._batches.get(list_name)).batches}
        lost = [batch for batch in here.needed() if batch.id not in there]
        if not lost:
            return 0
        # First: a row that is removed must not be listed when its batch is.
        for some in batched(here.removed.items(), ROWS_PER_CALL):
            rows = [text for ref, version in some for text in (str(ref), version)]
            await self._store.run(_RESTORE_REMOVED, [self._batches.removed_key(list_name)], rows)
        state = self._matcher.batches(list_name).state
        for batch in lost:
            await self._batches.data.write(batch.id, self._files.open(batch).data())
            keys = [self._store.key("{blocklist}", "lists"), self._batches.key(list_name)]
            record = f"{batch.version} {batch.undone_version} {batch.to_json()}"
            if (
                await self._store.run(_RESTORE, keys, [list_name, batch.id, record, here.last])
                and batch.id in state.opened
            ):
                count += int(state.listed.count(batch.id, 0, batch.rows))
        return count
