"""The client of one server: which errors it raises, and commands for one particular server."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import redis.asyncio
from redis import exceptions
from redis._parsers.base import BaseParser

from edgeward.store import lost_connection

RETRIES = 2
RETRY_CAP_SECONDS = 0.1

type Command = Sequence[str | bytes | int | float]
type Ask = Callable[..., Awaitable[Any]]
"""Sends a command to one server and returns its answer."""


class TemporaryError(exceptions.ResponseError):
    """The server is up, but can't take the command now."""


# UNBLOCKED: it became a replica while the command waited. NOREPLICAS, MISCONF: it takes no writes while it has too few
# replicas, or can't save. BUSY: a script is running. redis-py does not tell these from the errors of a wrong command.
BaseParser.EXCEPTION_CLASSES |= dict.fromkeys(("UNBLOCKED", "NOREPLICAS", "MISCONF", "BUSY"), TemporaryError)
lost_connection.install()


class Server(redis.asyncio.Redis):
    """The client of one server, or of the one that sentinels name as the master."""

    async def masters(self) -> list[Ask]:
        """A function for each master that sends it a command."""
        return [self.execute_command]

    async def master_of(self, key: str) -> Ask:
        """A function that sends a command to the master of `key`."""
        return self.execute_command

    async def on_one_connection(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """Send commands over one connection to the master of `key`. Errors are among the answers, not raised."""
        async with self.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers
