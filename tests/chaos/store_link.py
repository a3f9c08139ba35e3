"""The link of one machine to the store, as a process of its own: it forwards the bytes of Unix socket connections.

    python -m tests.chaos.store_link LISTEN CONNECT

Frozen, it is a partition: nothing passes, and no connection ends. Killed, it resets every connection, and refuses new
ones until it is started again.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

CHUNK_BYTES = 64 * 1024


async def forward(listen: Path, connect: Path) -> None:
    """Forward until the process is ended."""
    listen.unlink(missing_ok=True)

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            store, to_store = await asyncio.open_unix_connection(connect)
        except OSError:
            to_client.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(client, to_store))
            group.create_task(_copy(store, to_client))

    async with await asyncio.start_unix_server(serve, listen) as server:
        await server.serve_forever()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until one side ends; then both do."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    sink.close()


if __name__ == "__main__":
    asyncio.run(forward(Path(sys.argv[1]), Path(sys.argv[2])))
