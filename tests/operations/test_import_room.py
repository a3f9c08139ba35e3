"""Imports into a store of little memory: what does not fit leaves room for others."""

import io
from pathlib import Path

import pytest
from tests.support.eventually import eventually
from tests.support.services import running_services
from tests.support.small_store import SMALL_STORE_BYTES

from edgeward.imports import worker
from edgeward.operations import entries, imports
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.store.connection import STORE_FULL, Store
from edgeward.types import HashList, ImportState, Signal

MIB = 2**20


async def fill(store: Store, room: int) -> None:
    """Take the store's memory except for about `room` bytes."""
    used = (await store.info())["used_memory"]
    for number in range((SMALL_STORE_BYTES - used - room) // MIB):
        await store.redis.set(f"fill{number}", b"x" * (MIB - 200))


def request(count: int) -> ImportRequest:
    body = "\n".join(f"{number:064x}" for number in range(count)).encode()
    return ImportRequest(list="bad", file=io.BytesIO(body), format="text", signal_type="sha256")


async def staged(services: Services) -> list[bytes]:
    keys: list[bytes] = await services.store.redis.keys("*{jobs}:chunks:*")
    return keys


async def test_an_import_that_does_not_fit_leaves_nothing(small_store: Store, tmp_path: Path) -> None:
    """Neither its entries nor its act; and the next entry is listed at once."""
    async with running_services(small_store, tmp_path) as services:
        await services.list_store.create_list(HashList("bad"), "me")
        await fill(small_store, 3 * MIB)
        with pytest.raises(STORE_FULL):
            await imports.create(services, request(200_000), "me")
        assert await staged(services) == []
        assert await small_store.redis.keys("*:act:job-*") == []
        added = await entries.add(services, "bad", [Signal("md5", "0" * 32)], "", "me")
        assert len(added.entries) == 1


@pytest.mark.parametrize(
    ("count", "room"), [(4900, 3 * MIB), (200_000, 10 * MIB)], ids=["chunk by chunk", "as a batch"]
)
async def test_an_import_that_can_not_be_listed_ends(
    small_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, room: int
) -> None:
    """After a while without room it fails, says how much is listed, and frees what was staged."""
    monkeypatch.setattr(worker, "FULL_SECONDS", 0.2)
    async with running_services(small_store, tmp_path) as services:
        await services.list_store.create_list(HashList("bad"), "me")
        await fill(small_store, room)
        result = await imports.create(services, request(count), "me")
        assert result.status

        async def has_failed() -> bool:
            assert result.status
            return (await imports.get(services, result.status.job.id)).state is ImportState.FAILED

        await eventually(has_failed)
        status = await imports.get(services, result.status.job.id)
        assert "the store is full" in status.progress.error
        assert f"{status.listed} of {count} hashes are listed" in status.progress.error
        assert (status.listed == 0) if status.job.is_batch else (0 < status.listed < count)
        assert await staged(services) == []
        assert await small_store.redis.keys("*{blocklist}:batch:*") == []
        added = await entries.add(services, "bad", [Signal("md5", "0" * 32)], "", "me")
        assert len(added.entries) == 1
