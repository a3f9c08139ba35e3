"""A connection that is closed at the moment when a command is sent on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection

from edgeward.store.connection import STORE_AWAY, Store

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
KEY = "{lost}"


@pytest.fixture(params=["redis_url", "redis_sentinels", "redis_cluster"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A connection to each kind of store."""
    found = request.getfixturevalue(request.param)
    connected = await Store.connect(found if isinstance(found, str) else found.url, f"lost-{request.node.callspec.id}")
    yield connected
    await connected.close()


async def _command(store: Store) -> None:
    await store.redis.incr(store.key(KEY))


async def _script(store: Store) -> None:
    await store.run(INCREMENT, [store.key(KEY)], [1])


async def _durable_script(store: Store) -> None:
    await store.run_durably(INCREMENT, [store.key(KEY)], [1])


async def _pipeline(store: Store) -> None:
    async with store.pipeline() as pipe:
        pipe.incr(store.key(KEY))
        await pipe.execute()


async def _blocking(store: Store) -> None:
    await (await store.blocking()).incr(store.key(KEY))


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`lose(n)`: the next n commands find their connection closed, as if by another task."""
    left = 0

    async def close_before_sending(connection: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            connection._writer.close()  # redis-py has no public way to it

    def lose(number: int) -> None:
        nonlocal left
        left = number

    # redis-py calls it after it has checked the connection, right before it writes.
    monkeypatch.setattr(AbstractConnection, "check_health", close_before_sending)
    return lose


@pytest.mark.parametrize("send", [_command, _script, _durable_script, _pipeline, _blocking])
async def test_a_connection_closed_before_it_sends(
    any_store: Store, lose: Callable[[int], None], send: Callable[[Store], Awaitable[None]]
) -> None:
    """The command is retried on a new connection, and executed once. If each is lost, the store counts as away."""
    await send(any_store)
    before = int(await any_store.redis.get(any_store.key(KEY)))
    lose(1)
    await send(any_store)
    lose(1000)
    with pytest.raises(STORE_AWAY):
        await send(any_store)
    lose(0)
    assert int(await any_store.redis.get(any_store.key(KEY))) == before + 1


async def test_another_type_error_is_raised(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other TypeError is raised: a defect must not be retried silently."""

    async def defect(_: object) -> None:
        raise TypeError("a defect")

    monkeypatch.setattr(AbstractConnection, "check_health", defect)
    with pytest.raises(TypeError, match="a defect"):
        await store.redis.ping()
