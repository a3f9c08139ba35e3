"""The connection to Redis (or Valkey), and the namespace that all of Edgeward's keys live in."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Self

import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from edgeward.errors import ConfigError, StoreUnavailable

type Redis = redis.asyncio.Redis

STORE_AWAY: tuple[type[Exception], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.MasterDownError,
    StoreUnavailable,
    OSError,
)
"""What a command raises when the store can't be reached or can't take it now. Asking again later may help."""

RETRIES = 2
RETRY_CAP_SECONDS = 0.1
WAITAOF_SINCE = (7, 2)
"""The version of Redis that brought WAITAOF. Valkey says 7.2 where it is asked for Redis's version."""
FSYNC_SECONDS = 5.0
"""How long a durable change may wait for the disk (`appendfsync everysec` takes up to a second or two)."""

type Arg = str | bytes | int | float


class Store:
    """A connected store. Values go in and out as bytes.

    A lost connection is tried again a few times within a fraction of a second; what still fails raises one of
    STORE_AWAY. A command that ran out of its time is not tried again.
    """

    def __init__(self, url: str, namespace: str, timeout_ms: int) -> None:
        self.namespace = namespace
        self.timeout = timeout_ms / 1000
        self._url = url
        self._blocking: list[redis.asyncio.Redis] = []
        self._scripts: dict[str, Any] = {}
        self._durable: redis.asyncio.Redis | None = None
        self.redis: redis.asyncio.Redis = _client(url, self.timeout)

    @classmethod
    async def connect(cls, url: str, namespace: str = "edgeward", timeout_ms: int = 2000) -> Self:
        """Connect and check that the store answers. `timeout_ms` bounds every command, in milliseconds.

        Raises:
            ConfigError: the URL is none that redis:// rediss:// or unix:// allows.
            StoreUnavailable: nothing answers there. Both messages name the URL without its password.
        """
        try:
            store = cls(url, namespace, timeout_ms)
        except ValueError as error:
            raise ConfigError(f"store.url {hide_password(url)}: {error}") from None
        try:
            await store._greet()
        except STORE_AWAY as error:
            await store.close()
            raise StoreUnavailable(f"store {hide_password(url)}: {error}") from None
        return store

    async def _greet(self) -> None:
        try:
            await self.redis.ping()  # INFO is answered also by a server that is still loading
            info = await self.redis.info()
        except exceptions.ResponseError as error:
            raise StoreUnavailable(str(error)) from None
        version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
        if version >= WAITAOF_SINCE and info.get("aof_enabled"):
            self._durable = await self.blocking()

    def key(self, *parts: str) -> str:
        """The key of `parts` in the namespace: key("{lists}", "version") is "edgeward:{lists}:version".

        Keys that must change atomically share a {hash tag}, so that they stay together on a cluster.
        """
        return ":".join((self.namespace, *parts))

    async def blocking(self) -> redis.asyncio.Redis:
        """A separate client without a time limit, for commands that block. It is closed with the store."""
        client = _client(self._url, None, connect_timeout=self.timeout)
        self._blocking.append(client)
        return client

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script atomically; it is sent once and named by its digest after that."""
        prepared = self._scripts.get(script)
        if prepared is None:
            prepared = self._scripts[script] = self.redis.register_script(script)
        return await prepared(keys=keys, args=args)

    async def run_durably(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script that changes what must not be lost, and return when the change is on disk.

        Where the server has WAITAOF (Redis 7.2, Valkey) and an append-only file, it is asked; elsewhere the
        server's `appendfsync` decides (the embedded store's is `always`).

        Raises:
            StoreUnavailable: the change was made, but the disk did not confirm it in time.
        """
        if self._durable is None:
            return await self.run(script, keys, args)
        async with asyncio.timeout(FSYNC_SECONDS + self.timeout):
            result, synced = await self._write_and_sync(self._durable, script, keys, args)
        if isinstance(result, Exception):
            raise result
        if isinstance(synced, Exception) or synced[0] < 1:
            raise StoreUnavailable(f"store {hide_password(self._url)}: changed, but not confirmed on disk")
        return result

    @staticmethod
    async def _write_and_sync(
        client: redis.asyncio.Redis, script: str, keys: Sequence[str], args: Sequence[Arg]
    ) -> tuple[Any, Any]:
        """What the script and WAITAOF answered. On one connection: it waits for what its own connection wrote."""
        async with client.pipeline(transaction=False) as pipe:
            pipe.eval(script, len(keys), *keys, *args)
            pipe.execute_command("WAITAOF", 1, 0, int(FSYNC_SECONDS * 1000))
            result, synced = await pipe.execute(raise_on_error=False)
        return result, synced

    async def close(self) -> None:
        """Close every connection."""
        for client in (self.redis, *self._blocking):
            await client.aclose()
        self._blocking.clear()


def hide_password(url: str) -> str:
    """`url` as it may be shown: the password in front of the host, or in the query, is starred out."""
    url = re.sub(r"(?<=://)([^/@?:]*):.*@", r"\1:***@", url)
    return re.sub(r"(?<=[?&])(password=)[^&]*", r"\1***", url)


def _client(url: str, timeout: float | None, connect_timeout: float | None = None) -> redis.asyncio.Redis:
    backoff = ExponentialWithJitterBackoff(base=RETRY_CAP_SECONDS / 8, cap=RETRY_CAP_SECONDS)
    # No health_check_interval: redis-py 8.1 recurses without end when its PING is answered with NOAUTH or LOADING.
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        decode_responses=False,
        socket_timeout=timeout,
        socket_connect_timeout=connect_timeout or timeout,
        retry=Retry(backoff, RETRIES, supported_errors=(exceptions.ConnectionError,)),
    )
    return client
