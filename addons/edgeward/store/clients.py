"""Clients of the store, alike whether it is one server, a Sentinel set or a cluster.

A command that a connection broke under is tried a few times more within a fraction of a second; one that ran out of its
time is not. What a failover takes longer for is the caller's to wait for.
"""

import asyncio
import contextlib
import time
from typing import Any, cast

from redis import exceptions
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

from edgeward.store.address import Address, Kind
from edgeward.store.cluster import Cluster
from edgeward.store.server import RETRIES, RETRY_CAP_SECONDS, Server

SENTINEL_SECONDS = 0.5
"""How long one sentinel may take to answer; then the next is asked."""
ASK_SECONDS = 0.5
"""How often sentinels are asked who the master is: shorter than a silent process counts as alive."""


def open_client(address: Address, timeout: float | None, connect_timeout: float) -> Server:
    """A client that is not connected yet. Times in seconds; `timeout` bounds each command, None does not."""
    common: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
    }
    options = common | (address.options or {})
    if address.kind is Kind.CLUSTER:
        return cast(Server, Cluster(address.hosts, **options))  # it has the same commands
    backoff = ExponentialWithJitterBackoff(base=RETRY_CAP_SECONDS / 8, cap=RETRY_CAP_SECONDS)
    retry = Retry(backoff, RETRIES, supported_errors=(exceptions.ConnectionError,))
    if address.kind is Kind.SENTINEL:
        return _master(address, {**options, "retry": retry}, min(connect_timeout, SENTINEL_SECONDS))
    # No health_check_interval: redis-py 8.1 recurses without end when its PING is answered with NOAUTH or LOADING.
    return cast(Server, Server.from_url(address.url, retry=retry, **common))


def _master(address: Address, options: dict[str, Any], patience: float) -> Server:
    # Without its own Retry redis-py would try a dead sentinel ten times before it asks the next.
    own = {"socket_timeout": patience, "socket_connect_timeout": patience, "retry": Retry(NoBackoff(), 0)}
    make: Any = Sentinel
    sentinel = make(address.hosts, sentinel_kwargs={"protocol": 2, **own, **(address.sentinel_options or {})})
    client: Server = sentinel.master_for(
        address.service, redis_class=Server, connection_pool_class=_MasterPool, **options
    )
    return client


class _MasterPool(SentinelConnectionPool):
    """Connections to the master, which the sentinels are asked for again and again while there are commands.

    redis-py asks when it connects. But a master that others took for dead may live on for ten seconds beside its
    successor: who stays with it neither hears of changes nor is heard.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._asked = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() - self._asked > ASK_SECONDS and (self._asking is None or self._asking.done()):
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._ask(), name="ask the sentinels")
        return await super().get_connection(*args, **kwargs)  # type: ignore[no-untyped-call]

    async def _ask(self) -> None:
        # Where no sentinel answers nothing is known against the present master.
        with contextlib.suppress(exceptions.ConnectionError, exceptions.TimeoutError):
            await self.get_master_address()

    async def get_master_address(self) -> Any:
        """The master's address. Connections to another are made anew, at the latest after the command under way."""
        before = self.master_address
        address = await super().get_master_address()  # type: ignore[no-untyped-call]
        if address != before:
            await self.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
        return address

    async def aclose(self) -> None:
        """Close the connections to the sentinels too: they belong to no one else."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await super().aclose()
        await self.sentinel_manager.aclose()
