"""How long the orders of the cache "edge" have been taken without a renewal of their lease, as the store knows it."""

from collections.abc import Sequence

from edgeward.store.connection import Store


async def set_idle(store: Store, consumer: str, ids: Sequence[str], seconds: float) -> None:
    """Make it as though `consumer` had not renewed these leases for `seconds`."""
    stream = store.key("{purges}", "orders")
    await store.redis.xclaim(stream, "edge", consumer, 0, list(ids), idle=int(seconds * 1000), justid=True)


async def idle_seconds(store: Store) -> dict[str, float]:
    """By order that was taken: seconds since its lease was renewed."""
    found = await store.redis.xpending_range(store.key("{purges}", "orders"), "edge", "-", "+", 10_000)
    return {each["message_id"].decode(): each["time_since_delivered"] / 1000 for each in found}
