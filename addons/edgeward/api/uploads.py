"""Files that are sent to be imported: received into a temporary file, and how far the reading of each is.

That is known only to the controller that the file was sent to, until the import is recorded as a job.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from edgeward.api import context, requests
from edgeward.imports.reading import Reading
from edgeward.imports.temporary_files import appended
from edgeward.operations.imports import MEMORY_BYTES

BYTES_PER_WRITE = 1024 * 1024
WATCH_SECONDS = 0.25
"""How often it is looked whether the client is still there."""


@asynccontextmanager
async def given_up_without(request: web.Request, reading: Reading) -> AsyncIterator[None]:
    """Cancel the reading of a file when its client leaves."""
    watch = asyncio.create_task(_cancel_when_gone(request, reading), name="client of an import")
    try:
        yield
    finally:
        watch.cancel()


async def _cancel_when_gone(request: web.Request, reading: Reading) -> None:
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(WATCH_SECONDS)
    reading.cancelled.set()


async def show(request: web.Request) -> web.Response:
    """GET /uploads/{id}"""
    requests.parse_query(request, requests.NoQuery)
    reading = request.app[context.READINGS].get(request.match_info["id"])
    return web.json_response({"stage": reading.stage, "done": reading.done, "total": reading.total})


async def receive(request: web.Request, limit: int, directory: Path, reading: Reading) -> BinaryIO:
    """The body, its content-coding undone, as a file: in memory up to MEMORY_BYTES, else without a name in `directory`.

    Raises:
        TooMuch: it has more than `limit` bytes.
        Malformed: it is incomplete, or its content-coding is broken.
        NoDiskSpace: the disk is full or can't be written.
    """
    too_much = requests.TooMuch(f"the file is larger than imports.max_bytes ({limit})")
    if (request.content_length or 0) > limit:
        raise too_much
    reading.total = request.content_length or 0
    file: BinaryIO = io.BytesIO()
    try:
        buffered = bytearray()
        async for chunk in request.content.iter_any():
            buffered += chunk
            reading.done += len(chunk)
            if reading.done > limit:
                raise too_much
            if len(buffered) >= BYTES_PER_WRITE:
                file = await asyncio.to_thread(appended, file, bytes(buffered), directory, MEMORY_BYTES)
                buffered.clear()
        return await asyncio.to_thread(appended, file, bytes(buffered), directory, MEMORY_BYTES)
    except web.RequestPayloadError as error:
        file.close()
        raise requests.Malformed(f"the body can't be read: {error}") from None
    except BaseException:
        file.close()
        raise
