"""The client of a cluster: redis-py's, changed so that it always finds the new master soon after a failover."""

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

MAX_CONNECTIONS = 10_000
"""To one node."""


class Cluster(RedisCluster):
    """Each command goes to the present master of its key.

    redis-py's own client does not look for a new master after a timeout or a cancelled command; it retries commands
    that timed out; and it asks a server for the keys of each XREADGROUP.
    """

    def __init__(self, hosts: Sequence[tuple[str, int]], **options: Any) -> None:
        nodes = [ClusterNode(host, port) for host, port in hosts]
        options |= {"retry": Retry(NoBackoff(), 0), "reinitialize_steps": 0}  # `with_retries` does both
        super().__init__(startup_nodes=nodes, max_connections=MAX_CONNECTIONS, **options)
        self._hosts = list(hosts)
        self.commands_parser = _Parser()

    async def initialize(self, *args: Any, **kwargs: Any) -> "Cluster":
        """Read which node has which slots. If no known node answers, the hosts of the URL are asked."""
        try:
            await super().initialize(*args, **{"additional_startup_nodes_info": self._hosts, **kwargs})
        except exceptions.RedisClusterException as error:
            raise exceptions.ConnectionError(str(error)) from None
        return self

    async def aclose(self) -> None:
        """Close every connection. redis-py leaves some open while it is about to read the slots anew."""
        await super().aclose()
        for nodes in ("nodes_cache", "startup_nodes"):
            await self.nodes_manager.aclose(nodes)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        attempt = super().execute_command
        return await self.with_retries(lambda: attempt(*args, **kwargs))

    async def with_retries[T](self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of `attempt`. If a connection broke, the slots are read anew and it is called again."""
        for number in range(RETRIES):
            with contextlib.suppress(exceptions.ConnectionError), self._reread_slots_on_failure():
                return await attempt()
            await asyncio.sleep(RETRY_CAP_SECONDS / 2 * (number + 1))
        with self._reread_slots_on_failure():
            return await attempt()

    @contextlib.contextmanager
    def _reread_slots_on_failure(self) -> Iterator[None]:
        """After a lost connection, a timeout or a cancellation, another node may be the master."""
        try:
            yield
        except (exceptions.ConnectionError, exceptions.TimeoutError, asyncio.CancelledError):
            self._initialize = True  # before the next command
            raise

    async def _determine_slot(self, command: str, *args: Any) -> int:
        # redis-py would ask a server which of the arguments are keys.
        if command in ("XREAD", "XREADGROUP"):
            return self.keyslot(args[args.index(b"STREAMS") + 1])
        slot: int = await super()._determine_slot(command, *args)
        return slot

    def pipeline(self, transaction: bool | None = None, shard_hint: Any = None) -> "Pipeline":
        """Commands for any keys; never a transaction."""
        return Pipeline(self)  # type: ignore[abstract]

    async def masters(self) -> list[Ask]:
        """A function for each master that sends it a command. The slots are read anew."""
        self._initialize = True
        await self.initialize()
        return [node.execute_command for node in self.get_primaries()]

    async def master_of(self, key: str) -> Ask:
        """A function that sends a command to the master of `key`."""
        execute: Ask = (await self._node_of(key)).execute_command
        return execute

    async def _node_of(self, key: str) -> ClusterNode:
        await self.initialize()
        return self.nodes_manager.get_node_from_slot(self.keyslot(key))

    async def on_one_connection(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """Send commands over one connection to the master of `key`. Errors are among the answers, not raised."""
        for _ in range(RETRIES):
            answers = await self.with_retries(lambda: self._send_to_master_of(key, commands))
            if not isinstance(answers[0], exceptions.MovedError):
                break
            await self.nodes_manager.move_slot(answers[0])
        return answers

    async def _send_to_master_of(self, key: str, commands: Sequence[Command]) -> list[Any]:
        node = await self._node_of(key)
        pipe = ClusterPipeline(self)  # type: ignore[abstract]
        for command in commands:
            pipe.execute_command(*command, target_nodes=[node])
        # A redirected command would be sent on another connection.
        answers: list[Any] = await pipe.execute(raise_on_error=False, allow_redirections=False)
        if isinstance(answers[0], exceptions.ConnectionError):
            raise answers[0]
        return answers


class _Parser(AsyncCommandsParser):
    """Reads the table of commands once. It is long, and the same on every node."""

    async def initialize(self, node: ClusterNode | None = None) -> None:
        self.node = node or self.node
        if not self.commands:
            await super().initialize(node)


class Pipeline(ClusterPipeline):
    """Commands that are sent to their nodes together, and retried together."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._queue: list[tuple[Any, Any]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def execute_command(self, *args: Any, **kwargs: Any) -> "Pipeline":
        self._queue.append((args, kwargs))
        return self

    def unlink(self, *names: Any) -> "Pipeline":  # type: ignore[override]
        """Queue it. ClusterPipeline's is a coroutine, unlike its other commands, and would not be queued."""
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

        return await cast(Cluster, self.cluster_client).with_retries(attempt)
