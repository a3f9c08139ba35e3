"""Which of some entries are on a list, as the store has it."""

from collections.abc import Sequence
from typing import Any

from edgeward.lists.stored_lists import read_entry
from edgeward.store.connection import Store
from edgeward.types import Entry


async def known_entries(store: Store, list_name: str, ids: Sequence[str]) -> dict[str, Entry | None]:
    """By id, those of these entries that are on the list. None: one that this release can't read."""
    # Any: redis-py's types allow for decoded answers too; ours are bytes.
    redis: Any = store.redis
    texts = await redis.hmget(store.key("{blocklist}", "entries", list_name), ids) if ids else []
    read = {id_: read_entry(list_name, text) for id_, text in zip(ids, texts, strict=True) if text is not None}
    return {id_: entry if isinstance(entry, Entry) else None for id_, entry in read.items()}
