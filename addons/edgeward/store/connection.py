"""The connection to Redis (or Valkey), and the namespace of all keys of Edgeward."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

from redis import exceptions

from edgeward.errors import ConfigError, LaterRelease, StoreUnavailable
from edgeward.store.clients import open_client
from edgeward.store.connection_errors import describe_error
from edgeward.store.layout import CLAIM, LAYOUT_KEY, LAYOUT_NEEDS, LAYOUT_VERSION, check_layout
from edgeward.store.loading import LoadingProgress, StoreLoading
from edgeward.store.server import Ask, Server, TemporaryError
from edgeward.store.shared_time import SharedTime
from edgeward.store.store_address import StoreKind, hide_password, parse_address

_ALLOWED_IF_FULL = "#!lua flags=allow-oom\n"

type Redis = Server
type Arg = str | bytes | int | float

STORE_AWAY: tuple[type[Exception], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.InvalidResponse,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,
    exceptions.AskError,
    exceptions.TryAgainError,
    exceptions.SlotNotCoveredError,
    TemporaryError,
    StoreUnavailable,
    OSError,
)
"""What a command raises when the store can't be reached, or can't take the command now: it is starting, out of memory,
or failing over. The command may succeed later."""

STORE_FULL: type[Exception] = exceptions.OutOfMemoryError
"""The one of them that a command raises when the store has reached its `maxmemory`."""

WAITAOF_SINCE = (7, 2)
"""The first version of Redis with WAITAOF. Valkey has it, and reports 7.2 as its Redis version."""
CONFIRM_SECONDS = 5.0
"""Longest wait for the disk (`appendfsync everysec` takes up to two seconds), and for the replicas."""
REPLICAS = {StoreKind.SERVER: 0, StoreKind.SENTINEL: 1, StoreKind.CLUSTER: 1}
"""How many replicas must have a durable change, unless the settings say otherwise."""
_FIX = "Start it, or correct store.url: `edgeward doctor` says at which step it fails"


class Store:
    """A connection to the store. Values are bytes. A command that fails after its retries raises one of STORE_AWAY.

    Attributes:
        clock: the store's time, which everything that is stored has.
    """

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
        self.clock = SharedTime(self._time)

    @classmethod
    async def connect(
        cls, url: str, namespace: str = "edgeward", timeout_ms: int = 2000, replicas: int | None = None
    ) -> Self:
        """Connect and check that the store answers, and that this release knows its layout.

        Args:
            url: see `parse_address`.
            timeout_ms: limit of each command, in milliseconds.
            replicas: how many replicas must have a durable change; None: as in REPLICAS.

        Raises:
            ConfigError: the URL is invalid, or does not suit the store (a node of a cluster).
            StoreLoading: it is loading its data; the message says how far it is.
            StoreUnavailable: nothing answers there. All messages name the URL without its password.
            LaterRelease: only a later release of Edgeward can use it.
        """
        try:
            store = cls(url, namespace, timeout_ms, replicas)
        except ValueError as error:
            raise ConfigError(f"store.url {hide_password(url)}: {error}") from None
        try:
            await store._check()
        except StoreLoading as error:
            await store.close()
            raise StoreLoading(f"store {hide_password(url)}: {error}") from None
        except STORE_AWAY as error:
            await store.close()
            raise StoreUnavailable(f"store {hide_password(url)}: {describe_error(error)}. {_FIX}") from None
        except (ConfigError, LaterRelease):
            await store.close()
            raise
        return store

    async def _check(self) -> None:
        try:
            await self._read_server_info()
            # A server that is still loading answers INFO, but not this.
            await self._check_layout()
            await self.clock.learn()
        except exceptions.ResponseError as error:
            raise StoreUnavailable(str(error)) from None

    async def _check_layout(self) -> bool:
        """Whether this version of the layout is on record there. Raises LaterRelease."""
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        found: Any = await self.redis.hmget(self.key(*LAYOUT_KEY), "written", "needs")
        written, needs = found
        check_layout(needs, hide_password(self._address.url))
        return written is not None and int(written) >= LAYOUT_VERSION

    async def claim_layout(self) -> None:
        """Record the version of the layout, unless it is there: at first use, after an upgrade, and after a loss.

        Raises:
            LaterRelease: only a later release of Edgeward can use the store.
        """
        if not await self._check_layout():
            await self.run_even_if_full(CLAIM, [self.key(*LAYOUT_KEY)], [LAYOUT_VERSION, LAYOUT_NEEDS])

    async def _time(self) -> float:
        """Unix seconds of the server that has the purge orders."""
        ask = await self.redis.master_of(self.key("{purges}"))
        seconds, microseconds = await ask("TIME")
        return float(seconds) + float(microseconds) / 1e6

    async def _read_server_info(self) -> None:
        """Find out which commands wait until a change is durable on this server."""
        limit = str(int(CONFIRM_SECONDS * 1000))
        info = await self.info()
        if progress := LoadingProgress.read(info):
            raise StoreLoading(str(progress))
        if info["cluster_enabled"] and self._address.kind is not StoreKind.CLUSTER:
            shown = hide_password(self._address.url)
            raise ConfigError(f"store.url {shown}: this is a node of a cluster: redis+cluster://HOST:PORT,HOST:PORT")
        version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
        waits: list[tuple[str, ...]] = [("WAIT", str(self.replicas), limit)] if self.replicas else []
        if version >= WAITAOF_SINCE and info.get("aof_enabled"):
            waits.append(("WAITAOF", "1", "0", limit))
        self._waits = waits

    def key(self, *parts: str) -> str:
        """The key of `parts` in the namespace: key("{lists}", "version") is "edgeward:{lists}:version".

        Keys that change atomically must share a {hash tag}: then a cluster stores them on one node.
        """
        return ":".join((self.namespace, *parts))

    async def blocking(self) -> Server:
        """Another client without a time limit, for commands that block. `close` closes it too."""
        client = open_client(self._address, None, self.timeout)
        self._blocking.append(client)
        return client

    async def info(self) -> dict[str, Any]:
        """INFO of the server that has the lists."""
        ask = await self.redis.master_of(self.key("{blocklist}"))
        info: dict[str, Any] = await ask("INFO")
        return info

    async def setting(self, name: str) -> str | None:
        """A setting of that server (CONFIG GET). None: it has no such setting, or forbids the command."""
        ask = await self.redis.master_of(self.key("{blocklist}"))
        try:
            found = await ask("CONFIG", "GET", name)
        except exceptions.ResponseError:
            return None
        return str(found[1].decode()) if found else None

    async def server_id_of(self, key: str) -> str:
        """The id of the server that has `key`. It changes with a restart or failover, which makes cursors invalid."""
        return await _run_id(await self.redis.master_of(key))

    async def scan(self, match: str, count: int = 1000) -> AsyncIterator[list[bytes]]:
        """The keys that match a glob pattern, on every master, in batches of about `count`. A key may come twice.

        A key that exists during the whole scan comes at least once (SCAN's guarantee).

        Raises:
            StoreUnavailable: at the end, if another server took over meanwhile: keys may be missing.
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
        """Commands sent together: `async with store.pipeline() as pipe`, queue them, `await pipe.execute()`.

        For any keys. Not a transaction: one command may fail while others succeed.
        """
        return self.redis.pipeline(transaction=False)

    async def run_even_if_full(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script that frees memory, or needs little, also if the server has reached its `maxmemory`.

        Redis 7 and Valkey can do so; an older server raises the error of any other write.
        """
        try:
            return await self.run(script, keys, args)
        except exceptions.OutOfMemoryError:
            return await self.run(_ALLOWED_IF_FULL + script, keys, args)

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script atomically. Its keys must share a {hash tag}.

        A server gets the source once, and the digest after that.
        """
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        # A restart empties the server's cache of scripts, and a new master may not have it.
        try:
            return await self.redis.evalsha(digest, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            return await self.redis.eval(script, len(keys), *keys, *args)

    async def run_durably_even_if_full(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """The same as `run_even_if_full`, durably."""
        try:
            return await self.run_durably(script, keys, args)
        except exceptions.OutOfMemoryError:
            return await self.run_durably(_ALLOWED_IF_FULL + script, keys, args)

    async def run_durably(self, script: str, keys: Sequence[str], args: Sequence[Arg] = ()) -> Any:
        """Run a Lua script whose changes must not be lost, and return when they are durable.

        That is: `replicas` replicas have them (WAIT), and they are on disk, if the server has WAITAOF (Redis 7.2,
        Valkey) and an append-only file. Without WAITAOF its `appendfsync` decides (the embedded store's is `always`).

        Raises:
            StoreUnavailable: the script ran, but the replicas or the disk did not confirm its changes in time.
        """
        if self._waits is None:
            await self._read_server_info()
        if not self._waits:
            return await self.run(script, keys, args)
        # A client without a time limit: the wait for disk and replicas is longer than for other commands.
        if self._durable is None:
            self._durable = await self.blocking()
        # On one connection: WAIT and WAITAOF wait for what was written on their own connection.
        # EVAL, not EVALSHA: after NOSCRIPT the waits would have been sent for nothing.
        commands = [("EVAL", script, len(keys), *keys, *args), *self._waits]
        async with asyncio.timeout(CONFIRM_SECONDS * len(self._waits) + self.timeout):
            result, *confirmed = await self._durable.on_one_connection(keys[0], commands)
        if isinstance(result, Exception):
            raise result
        for wait, answer in zip(self._waits, confirmed, strict=True):
            self._check_confirmed(wait, answer)
        return result

    def _check_confirmed(self, wait: Sequence[str], answer: Any) -> None:
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
