"""What the store knows of the orders that somebody took and has not done."""

from collections.abc import Sequence

from edgeward.store.connection import Store


async def leave_alone(store: Store, consumer: str, ids: Sequence[str], seconds: float) -> None:
    """Make it as though `consumer` had not held the orders that it took for so long."""
    stream = store.key("{purges}", "orders")
    await store.redis.xclaim(stream, "edge", consumer, 0, list(ids), idle=int(seconds * 1000), justid=True)


async def left_alone(store: Store) -> dict[str, float]:
    """Of each order that was taken: for how many seconds nobody has held it."""
    found = await store.redis.xpending_range(store.key("{purges}", "orders"), "edge", "-", "+", 10_000)
    return {each["message_id"].decode(): each["time_since_delivered"] / 1000 for each in found}
