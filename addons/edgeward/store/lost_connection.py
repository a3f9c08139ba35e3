"""A command sent on a connection that is being closed fails with ConnectionError, in every client of this process.

redis-py closes a connection while other tasks may still hold it: when it has a new map of the cluster, or a new master.
asyncio's `writelines` raises TypeError there (it calls a method that `close` set to None), not an OSError that redis-py
would turn into ConnectionError. So a failover would look like a defect, and the command would not be retried.
"""

import functools
import traceback
from typing import Any

from redis import exceptions
from redis.asyncio.connection import AbstractConnection

_send = AbstractConnection.send_packed_command


@functools.wraps(_send)
async def _send_or_connection_error(connection: AbstractConnection, *args: Any, **kwargs: Any) -> None:
    try:
        await _send(connection, *args, **kwargs)
    except TypeError as error:
        if not _raised_by_writelines(error):
            raise
        raise exceptions.ConnectionError("the connection was closed before the command was sent") from error


def _raised_by_writelines(error: TypeError) -> bool:
    """Any other TypeError is a defect: of redis-py or of a caller."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code.co_name == "writelines" and frame.f_globals.get("__name__") == "asyncio.selector_events"


def install() -> None:
    """Replace the method that every kind of connection sends with: TCP, TLS, Unix socket, Sentinel and cluster."""
    AbstractConnection.send_packed_command = _send_or_connection_error  # type: ignore[assignment, method-assign]
