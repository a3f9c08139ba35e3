"""A store that comes back with an older copy of its data."""

from edgeward.store.connection import Store


async def copy_of(store: Store) -> dict[bytes, bytes]:
    """All that the store has, as a copy of it would."""
    keys = [key async for batch in store.scan(store.key("*")) for key in batch]
    return {key: await store.redis.dump(key) for key in keys}


async def bring_back(store: Store, copy: dict[bytes, bytes]) -> None:
    """It comes back with that copy."""
    for key in [key async for batch in store.scan(store.key("*")) for key in batch]:
        await store.redis.delete(key)
    for key, value in copy.items():
        await store.redis.restore(key, 0, value)


async def pass_lease_time(store: Store, seconds: float) -> None:
    """As if processes had been heard for so many seconds."""
    await store.redis.hincrbyfloat(store.key("{blocklist}", "history"), "clock", seconds)
