"""Moves the old items of a stream into compressed blocks, where they can still be read in order.

<stream>:archive  stream: id of the last item of a block -> `first` and `last` (times of its items, Unix seconds) and
                  `items` (zlib, of a JSON array of [id, {field: value}])

A change of an entry takes a fifth of its memory there.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from edgeward.store.connection import Arg, Store

ITEMS_PER_BLOCK = 1000
BLOCKS_PER_ROUND = 1000
"""Blocks that one call of `move` or `forget` writes or looks at."""
NEVER = (1 << 64, 0)
"""Comes after every id."""
MAX_BLOCK_BYTES = 64 * 1024 * 1024
"""Bytes that a block is unpacked to at most: what is longer is damaged."""

type Item = tuple[bytes, Mapping[bytes, bytes]]
"""As XRANGE returns it: id and fields."""

# Another controller may move the same items: whoever comes second does nothing.
# KEYS: stream, archive. ARGV: ids of the first, of the last and of the next item, then fields of the block
# -> whether it is moved
_MOVE = """
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest or oldest[1] ~= ARGV[1] then return 0 end
redis.call('XADD', KEYS[2], ARGV[2], unpack(ARGV, 4))
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3])
return 1
"""


class StreamArchive:
    """One stream with its archive.

    Args:
        stream: key of the stream, with a {hash tag}. Each item has a field `at`, Unix seconds.
    """

    def __init__(self, store: Store, stream: str) -> None:
        self._store, self._stream, self._archive = store, stream, f"{stream}:archive"
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        # The block that was read last, and the id of its last item: it is read in slices.
        self._read: tuple[bytes, list[Item]] = (b"", [])

    async def move(self, before: float, up_to: str = "") -> int:
        """Move items into the archive, in whole blocks. The newest item stays in the stream.

        Args:
            before: items of this time (Unix seconds) or later stay, and all after them.
            up_to: id of the last item that may be moved; "": any may.

        Returns:
            How many were moved.
        """
        moved = 0
        for _ in range(BLOCKS_PER_ROUND):
            found = await self._redis.xrange(self._stream, "-", "+", count=ITEMS_PER_BLOCK + 1)
            *items, (after, _) = found or [(b"", {})]
            if len(items) < ITEMS_PER_BLOCK or _order(items[-1][0]) > (_order(up_to.encode()) if up_to else NEVER):
                break
            if any(_time(fields) >= before for _, fields in items):
                break
            if await self._store.run_even_if_full(_MOVE, [self._stream, self._archive], _block(items, after)):
                moved += len(items)
        return moved

    async def forget(self, before: float) -> None:
        """Forget blocks all of whose items are older than `before`, Unix seconds."""
        for _ in range(BLOCKS_PER_ROUND):
            blocks = await self._redis.xrange(self._archive, "-", "+", count=1)
            if not blocks or float(blocks[0][1][b"last"]) >= before:
                return
            await self._redis.xdel(self._archive, blocks[0][0])

    async def after(self, item_id: str, limit: int) -> list[Item]:
        """Up to `limit` items after this id, oldest first."""
        # The stream first: what is moved meanwhile is then read twice, and not missed.
        found: list[Item] = await self._redis.xrange(self._stream, f"({item_id}", "+", count=limit)
        archived: list[Item] = []
        last = item_id.encode()
        while len(archived) < limit and (block := await self._first_block_from(f"({last.decode()}")):
            end = _order(found[0][0]) if found else NEVER
            some = [item for item in block if _order(last) < _order(item[0]) < end]
            if not some:
                break
            archived += some
            last = some[-1][0]
        return [*archived, *found][:limit]

    async def before(self, item_id: str, limit: int) -> list[Item]:
        """Up to `limit` items before this id, newest first."""
        if _order(item_id.encode()) == (0, 0):  # the store refuses it
            return []
        found: list[Item] = await self._redis.xrevrange(self._stream, f"({item_id}", "-", count=limit)
        first = found[-1][0] if found else item_id.encode()
        while len(found) < limit:
            block = await self._first_block_from(first.decode())
            older = [item for item in block if _order(item[0]) < _order(first)] or await self._block_before(first)
            if not older:
                break
            found += older[::-1]
            first = found[-1][0]
        return found[:limit]

    async def _first_block_from(self, start: str) -> list[Item]:
        """The first block whose last item has the id `start` or a later one ("(ID": a later one); [] if there is
        none."""
        return self._unpacked(await self._redis.xrange(self._archive, start, "+", count=1))

    async def _block_before(self, item_id: bytes) -> list[Item]:
        """The last block that ends before this id; [] if there is none."""
        return self._unpacked(await self._redis.xrevrange(self._archive, f"({item_id.decode()}", "-", count=1))

    def _unpacked(self, blocks: Sequence[Item]) -> list[Item]:
        if not blocks:
            return []
        ((last, fields),) = blocks
        if self._read[0] != last:
            self._read = last, _items(fields[b"items"])
        return self._read[1]


def _block(items: Sequence[Item], after: bytes) -> list[Arg]:
    """The arguments of _MOVE."""
    rows = [[id_.decode(), {_text(name): _text(value) for name, value in fields.items()}] for id_, fields in items]
    times = [_time(fields) for _, fields in items]
    packed = zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 6)
    ids: list[Arg] = [items[0][0], items[-1][0], after]
    return [*ids, "first", f"{min(times):.6f}", "last", f"{max(times):.6f}", "items", packed]


def _items(packed: bytes) -> list[Item]:
    """The items of a block. Raises ValueError or zlib.error if it is damaged."""
    rows = json.loads(zlib.decompressobj().decompress(packed, MAX_BLOCK_BYTES))
    return [(id_.encode(), {_bytes(name): _bytes(value) for name, value in fields.items()}) for id_, fields in rows]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _time(fields: Mapping[bytes, bytes]) -> float:
    """When an item was written, Unix seconds; 0.0 if that can't be read."""
    try:
        return float(fields[b"at"])
    except (KeyError, ValueError):
        return 0.0


def _order(item_id: bytes) -> tuple[int, int]:
    """Ids in their order: "<number>-<number>"."""
    first, _, second = item_id.partition(b"-")
    return int(first), int(second or 0)
