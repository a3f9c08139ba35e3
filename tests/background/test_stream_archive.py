"""The archive of a stream, on a real store: nothing is lost, repeated or put in another order."""

import asyncio
import random

import pytest
from redis.asyncio import Redis

from edgeward.background import stream_archive
from edgeward.background.stream_archive import StreamArchive
from edgeward.store.connection import Store

BLOCK = 10
ODD = "\N{SNOWMAN}\x00\n".encode() + b"\xff"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", BLOCK)


def key(store: Store) -> str:
    return store.key("{archive}", "stream")


def redis(store: Store) -> Redis:
    return store.redis  # type: ignore[return-value]


async def fill(store: Store, count: int, first: int = 1) -> None:
    """Items whose times are their numbers."""
    for number in range(first, first + count):
        await redis(store).xadd(key(store), {"at": number, "what": ODD}, id=f"{number}-0")


async def all_after(archive: StreamArchive, after: int, limit: int) -> list[int]:
    """The numbers of all items after one, read in slices."""
    found: list[int] = []
    last = f"{after}-0"
    while items := await archive.after(last, limit):
        assert len(items) <= limit
        assert all(fields == {b"at": id_.partition(b"-")[0], b"what": ODD} for id_, fields in items)
        found += [int(id_.partition(b"-")[0]) for id_, _ in items]
        last = items[-1][0].decode()
    return found


async def all_before(archive: StreamArchive, before: int, limit: int) -> list[int]:
    found: list[int] = []
    last = f"{before}-0"
    while items := await archive.before(last, limit):
        assert len(items) <= limit
        found += [int(id_.partition(b"-")[0]) for id_, _ in items]
        last = items[-1][0].decode()
    return found


@pytest.mark.parametrize("limit", [1, 7, 10, 100])
async def test_all_is_read_in_order(store: Store, limit: int) -> None:
    """From any place on, in both directions, across the border of archive and stream."""
    archive = StreamArchive(store, key(store))
    await fill(store, 47)
    assert await archive.move(before=36.0) == 30, "whole blocks, all of whose items are older"
    assert await redis(store).xlen(key(store)) == 17
    for place in (0, 1, 9, 10, 11, 25, 30, 31, 46, 47, 60):
        assert await all_after(archive, place, limit) == list(range(place + 1, 48)), place
        assert await all_before(archive, place, limit) == list(range(min(place - 1, 47), 0, -1)), place


async def test_what_may_not_be_moved_stays(store: Store) -> None:
    """What is newer, or comes after the last id that may be moved; a part of a block; the newest item of all."""
    archive = StreamArchive(store, key(store))
    assert await archive.move(before=100.0) == 0, "no stream"
    await fill(store, 20)
    assert await archive.move(before=5.0) == 0
    assert await archive.move(before=100.0, up_to="9-0") == 0
    assert await archive.move(before=100.0, up_to="10-0") == 10
    assert await archive.move(before=100.0) == 0, "ten are left: one of them is the newest"
    await fill(store, 1, first=21)
    assert await archive.move(before=100.0) == 10
    assert await all_after(archive, 0, 100) == list(range(1, 22))


async def test_blocks_are_forgotten_when_all_their_items_are_old(store: Store) -> None:
    """The others can be read from there on."""
    archive = StreamArchive(store, key(store))
    await fill(store, 41)
    await archive.move(before=100.0)
    await archive.forget(before=20.0)
    assert await all_after(archive, 0, 7) == list(range(11, 42))
    await archive.forget(before=1000.0)
    assert await all_before(archive, 60, 7) == [41]


async def test_readers_miss_nothing_while_items_are_moved(store: Store) -> None:
    """Several controllers move at the same time, and readers read: each item once, in order."""
    archives = [StreamArchive(store, key(store)) for _ in range(3)]
    total = 300
    await fill(store, total)
    ended = asyncio.Event()

    async def move(archive: StreamArchive) -> int:
        moved = 0
        for before in range(0, total + BLOCK, BLOCK):
            moved += await archive.move(before=before + 0.5)
        return moved

    async def read() -> int:
        reader, reads = StreamArchive(store, key(store)), 0
        while not ended.is_set() or not reads:
            place, limit = random.randrange(total), random.choice([3, BLOCK, 50])
            assert await all_after(reader, place, limit) == list(range(place + 1, total + 1))
            assert await all_before(reader, place, limit) == list(range(place - 1, 0, -1))
            reads += 1
        return reads

    readers = [asyncio.create_task(read()) for _ in range(2)]
    moved = await asyncio.gather(*map(move, archives))
    ended.set()
    await asyncio.gather(*readers)
    assert sum(moved) == total - BLOCK, "each item once; the last block has the newest item"


async def test_a_block_takes_less_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of an import: a fifth of what they take in the stream. (Hashes can not be compressed beyond a half.)"""
    archive = StreamArchive(store, key(store))
    entry = '{"list":"removed","signal":{"type":"md5","value":"%032x","quality":null,"act":"job-0"},"reason":"r"}'
    for number in range(1, 102):
        fields = {
            "op": "entry.add",
            "who": "ana",
            "at": number,
            "why": "a list",
            "entry": entry % random.getrandbits(128),
        }
        await redis(store).xadd(key(store), fields, id=f"{number}-0")
    before = await redis(store).memory_usage(key(store), samples=0)
    monkeypatch.setattr(stream_archive, "ITEMS_PER_BLOCK", 100)
    assert await archive.move(before=1000.0) == 100
    assert await redis(store).memory_usage(f"{key(store)}:archive", samples=0) < before / 3
