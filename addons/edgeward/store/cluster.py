"""The client of a cluster: redis-py's, made to find the new master after a failover by itself, soon and always."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, cast

from redis import exceptions
from redis._parsers import AsyncCommandsParser
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from edgeward.store.server import RETRIES, RETRY_CAP_SECONDS, Ask, Command

CONNECTIONS = 10_000
"""Connections to one node, at most."""


class Cluster(RedisCluster):
    """The client of a cluster. Each command goes to the master of its key, wherever that is by now.

    redis-py's own leaves a few things to be wished for: it does not look for a new master after a time-out or when a
    command was given up; it tries again what ran out of time; it asks a server for the keys of each XREADGROUP.
    """

    def __init__(self, hosts: Sequence[tuple[str, int]], **options: Any) -> None:
        nodes = [ClusterNode(host, port) for host, port in hosts]
        once = Retry(NoBackoff(), 0)  # tried again here, in `keep_trying`
        super().__init__(startup_nodes=nodes, retry=once, reinitialize_steps=0, max_connections=CONNECTIONS, **options)
        self._hosts = list(hosts)
        self.commands_parser = _Parser()

    async def initialize(self, *args: Any, **kwargs: Any) -> "Cluster":
        """Learn the map of the cluster, from the hosts of the URL too when no other node answers."""
        try:
            await super().initialize(*args, **{"additional_startup_nodes_info": self._hosts, **kwargs})
        except exceptions.RedisClusterException as error:
            raise exceptions.ConnectionError(str(error)) from None
        return self

    async def aclose(self) -> None:
        """Close every connection, also while the map is in doubt."""
        await super().aclose()
        for nodes in ("nodes_cache", "startup_nodes"):
            await self.nodes_manager.aclose(nodes)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        attempt = super().execute_command
        return await self.keep_trying(lambda: attempt(*args, **kwargs))

    async def keep_trying[T](self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the attempt comes to; it is made again by a new map of the cluster where a connection broke."""
        for number in range(RETRIES):
            with contextlib.suppress(exceptions.ConnectionError), self._doubting():
                return await attempt()
            await asyncio.sleep(RETRY_CAP_SECONDS / 2 * (number + 1))
        with self._doubting():
            return await attempt()

    @contextlib.contextmanager
    def _doubting(self) -> Iterator[None]:
        """After a silence, or a command that was given up, another may be master: the map is asked for again."""
        try:
            yield
        except (exceptions.ConnectionError, exceptions.TimeoutError, asyncio.CancelledError):
            self._initialize = True
            raise

    async def _determine_slot(self, command: str, *args: Any) -> int:
        if command in ("XREAD", "XREADGROUP"):
            return self.keyslot(args[args.index(b"STREAMS") + 1])
        slot: int = await super()._determine_slot(command, *args)
        return slot

    def pipeline(self, transaction: bool | None = None, shard_hint: Any = None) -> "Pipeline":
        """Commands of any keys; never a transaction."""
        return Pipeline(self)  # type: ignore[abstract]

    async def masters(self) -> list[Ask]:
        """A way to ask each master, by a new map."""
        self._initialize = True
        await self.initialize()
        return [node.execute_command for node in self.get_primaries()]

    async def master_of(self, key: str) -> Ask:
        """A way to ask the master that has `key`."""
        execute: Ask = (await self._node_of(key)).execute_command
        return execute

    async def _node_of(self, key: str) -> ClusterNode:
        await self.initialize()
        return self.nodes_manager.get_node_from_slot(self.keyslot(key))

    async def together(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that are sent over one connection to the master of `key`; errors are values."""
        for _ in range(RETRIES):
            answers = await self.keep_trying(lambda: self._together(key, commands))
            if not isinstance(answers[0], exceptions.MovedError):
                break
            await self.nodes_manager.move_slot(answers[0])
        return answers

    async def _together(self, key: str, commands: Sequence[Command]) -> list[Any]:
        node = await self._node_of(key)
        pipe = ClusterPipeline(self)  # type: ignore[abstract]
        for command in commands:
            pipe.execute_command(*command, target_nodes=[node])
        # A command that went after its key alone would be answered for on another connection.
        answers: list[Any] = await pipe.execute(raise_on_error=False, allow_redirections=False)
        if isinstance(answers[0], exceptions.ConnectionError):
            raise answers[0]
        return answers


class _Parser(AsyncCommandsParser):
    """Reads the table of commands once: it is long, and the same after every failover."""

    async def initialize(self, node: ClusterNode | None = None) -> None:
        self.node = node or self.node
        if not self.commands:
            await super().initialize(node)


class Pipeline(ClusterPipeline):
    """Commands sent together to the nodes that they are for, and tried again as one command is."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._queue: list[tuple[Any, Any]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def execute_command(self, *args: Any, **kwargs: Any) -> "Pipeline":
        self._queue.append((args, kwargs))
        return self

    def unlink(self, *names: Any) -> "Pipeline":  # type: ignore[override]
        """Queue it: ClusterPipeline's is a coroutine, and does nothing when it is called as any other command."""
        self._split_command_across_slots("UNLINK", *names)
        return self

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        queue, self._queue = self._queue, []

        async def attempt() -> list[Any]:
            pipe = ClusterPipeline(self.cluster_client)  # type: ignore[abstract]
            for args, kwargs in queue:
                pipe.execute_command(*args, **kwargs)
            answers: list[Any] = await pipe.execute(raise_on_error, allow_redirections)
            return answers

        return await cast(Cluster, self.cluster_client).keep_trying(attempt)
