"""Fills a store with synthetic sightings, much faster than real ones could be recorded."""

import asyncio
import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import batched
from pathlib import Path

from tests.support.eventually import eventually

from edgeward.sightings.images_and_targets import Images
from edgeward.sightings.new_image_stream import NewImageStream
from edgeward.sightings.pending_writes import PendingWrite, pending_writes
from edgeward.sightings.url_index import UrlIndex
from edgeward.store import embedded
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Sighting, Signal, Target

SECONDS = 30 * 86400
FILLERS = 2
BATCH_SIZE = 500
QUERIES = ("", "?w=800", "?w=320&h=240&fit=crop")
"""Of the targets of one image."""
ACCEPTS = (
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
)


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Runs the embedded store with its own settings, but without its file (see `keep_on_disk`). Yields its URL."""
    log = subprocess.DEVNULL
    server = subprocess.Popen([*embedded.command(directory), "--appendonly", "no"], stdout=log, stderr=log)
    try:
        asyncio.run(embedded.wait_ready(directory / "store.sock"))
        yield f"unix://{directory / 'store.sock'}"
    finally:
        server.terminate()
        server.wait(60)


def fill(url: str, numbers: range, targets: int) -> None:
    """Write the same keys as Sightings.write, without waiting for an answer to each command.

    Args:
        url: of a store at a Unix socket.
        numbers: of the images.
        targets: of each image.
    """
    with ProcessPoolExecutor(FILLERS) as pool:
        for each in [pool.submit(_fill_part, url, numbers[part::FILLERS], targets) for part in range(FILLERS)]:
            each.result()


async def keep_on_disk(url: str) -> None:
    """Make the store write every change to its file at once, as an embedded one does from its start."""
    store = await Store.connect(url)
    await store.redis.config_set("appendonly", "yes")
    await eventually(lambda: _is_written(store), "a complete append-only file")
    await store.close()


async def _is_written(store: Store) -> bool:
    state = await store.redis.info("persistence")
    return not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


def _fill_part(url: str, numbers: range, targets: int) -> None:
    asyncio.run(_write_all(url, numbers, targets))


async def _write_all(url: str, numbers: range, targets: int) -> None:
    store = await Store.connect(url)
    images, url_index, new_images = Images(store, SECONDS), UrlIndex(store, SECONDS), NewImageStream(store)
    pipeline = UnansweredPipeline(url.removeprefix("unix://"))
    for some in batched(numbers, BATCH_SIZE):
        made = [_pending_write(number, targets) for number in some]
        await new_images.append([image.packed for image in made])
        for image in made:
            images.queue_fingerprint(pipeline, image.id, image.packed)
            images.queue_targets(pipeline, image.id, image.targets)
            for normalized_url, at in image.urls.items():
                url_index.queue(pipeline, normalized_url, image.id, at)
        pipeline.send()
    pipeline.close()
    await store.close()


class UnansweredPipeline:
    """Replaces a pipeline: commands are sent in bulk, and Redis answers none of them (CLIENT REPLY OFF)."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._data = bytearray()
        self._command("CLIENT", "REPLY", "OFF")

    def hset(
        self, key: str, field: bytes = b"", value: bytes = b"", mapping: Mapping[bytes, int] | None = None
    ) -> None:
        pairs = mapping.items() if mapping else ((field, value),)
        self._command("HSET", key, *(part for pair in pairs for part in pair))

    def zadd(self, key: str, mapping: Mapping[bytes, int]) -> None:
        self._command("ZADD", key, *(part for member, score in mapping.items() for part in (score, member)))

    def pexpire(self, key: str, milliseconds: int) -> None:
        self._command("PEXPIRE", key, milliseconds)

    def hlen(self, key: str) -> None:
        """Not sent: its answer is not needed."""

    def send(self) -> None:
        self._socket.sendall(self._data)
        self._data.clear()

    def close(self) -> None:
        """Wait until Redis has carried out all commands."""
        self._command("CLIENT", "REPLY", "ON")
        self.send()
        self._socket.recv(16)
        self._socket.close()

    def _command(self, *parts: str | bytes | int) -> None:
        self._data += b"*%d\r\n" % len(parts)
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self._data += b"$%d\r\n%b\r\n" % (len(data), data)


def _pending_write(number: int, targets: int) -> PendingWrite:
    (pending,) = pending_writes(sightings_of(number, targets))
    return pending


def sightings_of(number: int, targets: int) -> list[Sighting]:
    """The image with that number at `targets` targets (three at most)."""
    image, now = _image(number), time.time()
    return [Sighting(_target(number, turn), image, now, 1) for turn in range(targets)]


def _image(number: int) -> Fingerprint:
    """A fingerprint with every type of signal. The values are noise: nothing here compares them."""
    noise = hashlib.shake_256(b"%d" % number).hexdigest(116)
    cuts = {"sha256": 64, "sha1": 40, "md5": 32, "pdq": 64, "phash": 16, "dhash": 16}
    signals, at = [], 0
    for kind, digits in cuts.items():
        signals.append(Signal(kind, noise[at : at + digits], 90 if kind == "pdq" else None))
        at += digits
    return Fingerprint(noise[:64], "image/jpeg", 100_000 + number % 100_000, tuple(signals), 1600, 1200)


def _target(number: int, turn: int) -> Target:
    name = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()
    path = f"/media/2024/{number % 12 + 1:02d}/{name[:16]}/photo-{name[16:24]}.jpg{QUERIES[turn]}"
    return Target("https", "images.example.com", path, (("accept", ACCEPTS[number % 2]),), 100_000 + number % 100_000)
