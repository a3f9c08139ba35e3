"""The connection to Redis (or Valkey), and the namespace that all of Edgeward's keys live in."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

from redis import exceptions

from edgeward.errors import ConfigError, StoreUnavailable
from edgeward.store.address import Kind, hide_password, parse_address
from edgeward.store.clients import open_client
from edgeward.store.server import Ask, NotNow, Server

type Redis = Server
type Arg = str | bytes | int | float

STORE_AWAY: tuple[type[Exception], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,
    exceptions.AskError,
    exceptions.TryAgainError,
    exceptions.SlotNotCoveredError,
    NotNow,
    StoreUnavailable,
    OSError,
)
"""What a command raises when the store can't be reached or can't take it now: while it starts, is out of room, or
another server takes over. Asking again later may help."""

WAITAOF_SINCE = (7, 2)
"""The version of Redis that brought WAITAOF. Valkey says 7.2 where it is asked for Redis's version."""
CONFIRM_SECONDS = 5.0
"""How long a durable change may wait for the disk (`appendfsync everysec` takes up to a second or two), and for the
replicas."""
REPLICAS = {Kind.SERVER: 0, Kind.SENTINEL: 1, Kind.CLUSTER: 1}
"""Replicas that must have a durable change, where the settings do not say."""


class Store:
    """A connected store. Values go in and out as bytes. What still fails after a few tries raises one of STORE_AWAY."""

    def __init__(self, url: str, namespace: str, timeout_ms: int, replicas: int | None = None) -> None:
        self.namespace = namespace
        self.timeout = timeout_ms / 1000
        self._address = parse_address(url)
        self.replicas = REPLICAS[self._address.kind] if replicas is None else replicas
        self._blocking: list[Server] = []
        self._digests: dict[str, str] = {}
        self._durable: Server | None = None
        self._waits: Sequence[tuple[str, ...]] | None = None
        self.redis: Server = open_client(self._address, self.timeout, self.timeout)

    @classmethod
    async def connect(
        cls, url: str, namespace: str = "edgeward", timeout_ms: int = 2000, replicas: int | None = None
    ) -> Self:
        """Connect and check that the store answers.

        Args:
            url: see `parse_address`.
            timeout_ms: bounds every command, in milliseconds.
            replicas: how many replicas must have a durable change; None as in REPLICAS.

        Raises:
            ConfigError: the URL is none that is allowed, or it is of another kind of store.
            StoreUnavailable: nothing answers there. Both messages name the URL without its password.
        """
        try:
            store = cls(url, namespace, timeout_ms, replicas)
        except ValueError as error:
            raise ConfigError(f"store.url {hide_password(url)}: {error}") from None
        try:
            await store._greet()
        except STORE_AWAY as error:
            await store.close()
            raise StoreUnavailable(f"store {hide_password(url)}: {error}") from None
        except ConfigError:
            await store.close()
            raise
        return store

    async def _greet(self) -> None:
        try:
            await self._learn()
            await self.redis.get(self.key("{blocklist}", "version"))  # INFO is answered also by one still loading
        except exceptions.ResponseError as error:
            raise StoreUnavailable(str(error)) from None

    async def _learn(self) -> None:
        """What kind of server this is, and with it the commands that wait until a change is as safe as it can be."""
        limit = str(int(CONFIRM_SECONDS * 1000))
        info = await self.info()
        if info["cluster_enabled"] and self._address.kind is not Kind.CLUSTER:
            shown = hide_password(self._address.url)
            raise ConfigError(f"store.url {shown}: this is a node of a cluster: redis+cluster://HOST:PORT,HOST:PORT")
        version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
        waits: list[tuple[str, ...]] = [("WAIT", str(self.replicas), limit)] if self.replicas else []
        if version >= WAITAOF_SINCE and info.get("aof_enabled"):
            waits.append(("WAITAOF", "1", "0", limit))
        self._waits = waits

    def key(self, *parts: str) -> str:
        """The key of `parts` in the namespace: key("{lists}", "version") is "edgeward:{lists}:version".

        Keys that must change atomically share a {hash tag}, so that they stay together on a cluster.
        """
        return ":".join((self.namespace, *parts))

    async def blocking(self) -> Server:
        """A separate client without a time limit, for commands that block. It is closed with the store."""
        client = open_client(self._address, None, self.timeout)
        self._blocking.append(client)
        return client

    async def info(self) -> dict[str, Any]:
        """What the server that has the lists says of itself (INFO)."""
        ask = await self.redis.master_of(self.key("{blocklist}"))
        info: dict[str, Any] = await ask("INFO")
        return info

    async def setting(self, name: str) -> str | None:
        """The value of one of that server's own settings (CONFIG GET); None: it has none such, or does not tell."""
        ask = await self.redis.master_of(self.key("{blocklist}"))
        try:
            found = await ask("CONFIG", "GET", name)
        except exceptions.ResponseError:
            return None
        return str(found[1].decode()) if found else None

    async def server_of(self, key: str) -> str:
        """The id of the server that has `key` now: another after a restart or a failover, which no cursor outlives."""
        return await _run_id(await self.redis.master_of(key))

    async def scan(self, match: str, count: int = 1000) -> AsyncIterator[list[bytes]]:
        """The keys that match a glob pattern, of every master, in batches of about `count`; some may come twice.

        A key that is there from beginning to end comes at least once (SCAN's guarantee).

        Raises:
            StoreUnavailable: at its end, when another server has taken over meanwhile: some may not have come.
        """
        for ask in await self.redis.masters():
            server = await _run_id(ask)
            cursor = 0
            while True:
                cursor, keys = await ask("SCAN", cursor, "MATCH", match, "COUNT", count)
                if keys:
                    yield keys
                if not cursor:
                    break
            if await _run_id(ask) != server:
                raise StoreUnavailable("another server took over while its keys were read")

    def pipeline(self) -> Any:
        """Commands that are sent together: `async with store.pipeline() as pipe`, queue them, `await pipe.execute()`.

        Their keys may be anywhere. It is no transaction: each command stands for itself.
        """
        return self.redis.pipeline(transaction=False)

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script atomically; it is sent once to each server, and named by its digest after that.

        Its keys must share a {hash tag}.
        """
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self.redis.evalsha(digest, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            return await self.redis.eval(script, len(keys), *keys, *args)

    async def run_durably(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script that changes what must not be lost, and return when the change is safe.

        Safe is: as many replicas as are wanted have it (WAIT), and it is on disk where the server has WAITAOF
        (Redis 7.2, Valkey) and an append-only file; elsewhere its `appendfsync` decides (the embedded store's is
        `always`).

        Raises:
            StoreUnavailable: the change was made, but the replicas or the disk did not confirm it in time.
        """
        if self._waits is None:
            await self._learn()
        if not self._waits:
            return await self.run(script, keys, args)
        if self._durable is None:
            self._durable = await self.blocking()
        # On one connection: the server waits for what that connection wrote.
        commands = [("EVAL", script, len(keys), *keys, *args), *self._waits]
        async with asyncio.timeout(CONFIRM_SECONDS * len(self._waits) + self.timeout):
            result, *confirmed = await self._durable.together(keys[0], commands)
        if isinstance(result, Exception):
            raise result
        for wait, answer in zip(self._waits, confirmed, strict=True):
            self._check(wait, answer)
        return result

    def _check(self, wait: Sequence[str], answer: Any) -> None:
        where = "on disk" if wait[0] == "WAITAOF" else f"by {self.replicas} replica{'s'[: self.replicas - 1]}"
        number = answer[0] if isinstance(answer, list) else answer
        if isinstance(number, Exception) or number < int(wait[1]):
            raise StoreUnavailable(f"store {hide_password(self._address.url)}: changed, but not confirmed {where}")

    async def close(self) -> None:
        """Close every connection."""
        for client in (self.redis, *self._blocking):
            await client.aclose()
        self._blocking.clear()


async def _run_id(ask: Ask) -> str:
    return str((await ask("INFO", "server"))["run_id"])
