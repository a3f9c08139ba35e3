"""An origin that gives the answers of a script, in every way in which one can; and time that passes at once."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from edgeward.origin_check.sweeper import Sweeper
from edgeward.store.connection import Store


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A response."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


HANGS = b"hangs"
RESETS = b"resets"


class ScriptedOrigin:
    """Answers every request with `answer`: the bytes of a response, HANGS or RESETS; or those of `by_path`, by path.

    `refuses`: closes its port meanwhile. `paths`: those that were asked for, in order.
    """

    def __init__(self) -> None:
        self.answer = b""
        self.by_path: dict[str, bytes] = {}
        self.paths: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode("latin-1")
                self.paths.append(path)
                answer = self.by_path.get(path, self.answer)
                if answer == HANGS:
                    await asyncio.Event().wait()
                if answer == RESETS:
                    reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    return
                status = int(answer.split(b" ")[1])
                if b"If-None-Match" in head and status == 200:
                    answer = http(200, answer.partition(b"\r\n\r\n")[2], 'ETag: "x"')
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)


async def step(sweeper: Sweeper) -> int:
    """One step of the sweeper, and the end of all checks that it began. Returns how many asked an origin."""
    asked = await sweeper._step()
    while sweeper._checks:
        await asyncio.wait(sweeper._checks)
        asked += sweeper._end_checks()
    return asked


@asynccontextmanager
async def scripted_origin() -> AsyncIterator[ScriptedOrigin]:
    origin = ScriptedOrigin()
    await origin.open()
    try:
        yield origin
    finally:
        await origin.close()


async def let_pass(store: Store, sweeper: Sweeper, seconds: float) -> None:
    """Make everything that the origin check remembers older by `seconds`."""
    redis: Any = store.redis
    for name in [key async for batch in store.scan(store.key("{sweep}", "*")) for key in batch]:
        part = name.decode().removeprefix(store.key("{sweep}", "")).split(":")[0]
        if part in ("later", "refused", "served", "good", "holds"):
            members: list[tuple[bytes, float]] = await redis.zrange(name, 0, -1, withscores=True)
            await redis.zadd(name, {member: score - seconds for member, score in members})
        elif part == "purged":
            purges = [[at - seconds, *rest] for at, *rest in json.loads(await redis.get(name))]
            await redis.set(name, json.dumps(purges))
        elif part == "checked":
            check: Mapping[str, Any] = json.loads(await redis.get(name))
            await redis.set(name, json.dumps({**check, "at": check["at"] - seconds}))
        elif part == "held":
            since, served_before = (await redis.get(name)).decode().split()
            await redis.set(name, f"{float(since) - seconds} {served_before}")
        elif part in ("host", "unproven"):
            await redis.delete(name)
        elif part == "state":
            for field, text in (await redis.hgetall(name)).items():
                views, served, rest = text.decode().split(" ", 2)
                await redis.hset(name, field, f"{views} {float(served) - seconds:.3f} {rest}")
    for failing in sweeper._pauses._hosts.values():
        failing.until -= seconds
