"""The client of one server: what it raises, how often it tries, and how it is asked for what concerns one server."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import redis.asyncio
from redis import exceptions
from redis._parsers.base import BaseParser

RETRIES = 2
RETRY_CAP_SECONDS = 0.1

type Command = Sequence[str | bytes | int | float]
type Ask = Callable[..., Awaitable[Any]]
"""Sends one command to one server."""


class NotNow(exceptions.ResponseError):
    """The server is up, but does not take the command now."""


# UNBLOCKED: it became a replica while the command waited. NOREPLICAS, MISCONF: it takes no writes as long as it has too
# few replicas, or can't save. BUSY: a script holds it up. To redis-py these are errors like those of a wrong command.
BaseParser.EXCEPTION_CLASSES |= dict.fromkeys(("UNBLOCKED", "NOREPLICAS", "MISCONF", "BUSY"), NotNow)


class Server(redis.asyncio.Redis):
    """The client of one server, or of the one that sentinels name as the master."""

    async def masters(self) -> list[Ask]:
        """A way to ask each master."""
        return [self.execute_command]

    async def master_of(self, key: str) -> Ask:
        """A way to ask the master that has `key`."""
        return self.execute_command

    async def together(self, key: str, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that are sent over one connection to the master of `key`; errors are values."""
        async with self.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers
