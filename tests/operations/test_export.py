"""Exports of a list in a real store."""

import asyncio
import json

import pytest

from edgeward.errors import LaterRelease, NotFound, StoreUnavailable, Unavailable
from edgeward.operations import export as module
from edgeward.operations.export import entries_of
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, Signal

COUNT = 3000


async def listed(services: Services, count: int = COUNT) -> None:
    await services.list_store.create_list(HashList("a"), "me")
    await services.list_store.add_entries([Entry("a", Signal("md5", f"{n + 1:032x}")) for n in range(count)], "me")


async def test_each_entry_is_written_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the store returns it again, as HSCAN does while a hash grows; those of one type if asked for."""
    await listed(services)
    await services.list_store.add_entries([Entry("a", Signal("sha1", "ab" * 20))], "me")
    scan = services.list_store.scan

    async def repeated(*args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        async for chunk in scan(*args, **kwargs):  # type: ignore[arg-type]
            yield chunk
            yield chunk[:3]

    monkeypatch.setattr(services.list_store, "scan", repeated)
    text = "".join([part async for part in entries_of(services, "a", "jsonl")])
    rows = [json.loads(line) for line in text.splitlines()]
    assert sorted(row["value"] for row in rows) == sorted([*(f"{n + 1:032x}" for n in range(COUNT)), "ab" * 20])
    assert "".join([part async for part in entries_of(services, "a", "text", "sha1")]) == f"sha1:{'ab' * 20}\n"


async def test_an_entry_that_stays_is_exported_while_others_come(services: Services) -> None:
    """The list grows while it is read."""
    await listed(services)
    parts = entries_of(services, "a", "text")
    found = [await anext(parts), await anext(parts)]
    more = [Entry("a", Signal("sha256", f"{n + 1:064x}")) for n in range(COUNT)]
    adding = asyncio.create_task(services.list_store.add_entries(more, "me"))
    found += [part async for part in parts]
    await adding
    lines = "".join(found).splitlines()
    assert len(lines) == len(set(lines))
    assert {f"md5:{n + 1:032x}" for n in range(COUNT)} <= set(lines)


async def test_what_can_not_be_exported_whole_is_an_error(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list, an entry that only a later release reads, another server meanwhile, too many exports at once."""
    with pytest.raises(NotFound):
        await anext(entries_of(services, "a", "jsonl"))
    await listed(services, 10)
    waiting = [entries_of(services, "a", "jsonl") for _ in range(module.MAX_RUNNING)]
    for each in waiting:
        await anext(each)
    with pytest.raises(Unavailable, match="4 exports are running"):
        await anext(entries_of(services, "a", "jsonl"))
    for each in waiting:
        await each.aclose()
    names = iter(["one", "another"])

    async def server_id_of(_: str) -> str:
        return next(names)

    with monkeypatch.context() as patched, pytest.raises(StoreUnavailable, match="another server"):
        patched.setattr(services.store, "server_id_of", server_id_of)
        _ = [part async for part in entries_of(services, "a", "jsonl")]
    await services.store.redis.hset(services.store.key("{blocklist}", "entries", "a"), "ff" * 10, '{"needs": 99}')
    with pytest.raises(LaterRelease, match="can't be read by this release"):
        _ = [part async for part in entries_of(services, "a", "jsonl")]
