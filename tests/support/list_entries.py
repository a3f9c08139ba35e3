"""What tests ask about the entries of a list."""

from edgeward.lists.list_store import ListStore


async def entry_count(list_store: ListStore, name: str) -> int:
    """How many entries a list has in the store."""
    return sum([len({entry.id for entry in chunk}) async for chunk in list_store.scan(name)])
