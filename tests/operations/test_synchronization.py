"""Synchronization: a source's new whole list replaces the old one, and nobody else's entries."""

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from tests.support.eventually import eventually

from edgeward.operations import entries, imports, lists, undo
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.imports import ImportResult
from edgeward.operations.services import Services
from edgeward.operations.synchronization import MAX_UNASKED_REMOVALS, LargeRemoval
from edgeward.types import HashList, Signal


def _md5(number: int) -> str:
    return f"{number + 1:032x}"


def _request(numbers: Iterable[int], source: str = "ncmec", **changed: Any) -> ImportRequest:
    text = "".join(f"md5:{_md5(each)}\n" for each in numbers)
    asked = {"sync": True, "source": source, **changed}
    return ImportRequest("a", io.BytesIO(text.encode()), "text", **asked)


async def _synced(services: Services, numbers: Iterable[int], source: str = "ncmec", **changed: Any) -> ImportResult:
    """Import them, and wait for the end."""
    result = await imports.create(services, _request(numbers, source, **changed), "ana")
    if (status := result.status) is not None:

        async def is_done() -> bool:
            return (await imports.get(services, status.job.id)).state == "done"

        await eventually(is_done, "the end of the import")
    return result


async def _listed(services: Services) -> set[int]:
    version = await services.list_store.version()
    assert await services.replica.wait_version(version, 60.0)
    found = services.replica.matcher.entries("a").values()
    return {int(each.signal.value, 16) - 1 for each in found}


@pytest.fixture(autouse=True, params=[5000, 1], ids=["entry by entry", "in batches"])
async def _a_list(services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports are listed entry by entry, or each as a batch."""
    monkeypatch.setattr(imports, "BATCH_ROWS", request.param)
    await lists.create(services, HashList("a"), "ana", "")


async def test_what_is_missing_is_withdrawn(services: Services) -> None:
    """New hashes are listed, missing ones withdrawn, in one import with one undo. What is listed already is in none."""
    await _synced(services, range(5))
    result = await _synced(services, range(3, 8))
    assert await _listed(services) == {3, 4, 5, 6, 7}
    assert result.synchronization is not None and result.status is not None
    found = result.synchronization
    assert (found.listed, found.unchanged, found.missing, found.kept) == (5, 2, 3, 0)
    assert (result.status.job.total, result.status.job.withdrawals) == (3, 3)
    await undo.undo(services, result.status.job.id, "ana", "")
    assert await _listed(services) == {0, 1, 2, 3, 4}


async def test_what_others_list_stays(services: Services) -> None:
    """An entry of a person and of another source stays, whoever of them listed it first; so does one of a plain
    import."""
    await entries.add(services, "a", [Signal("md5", _md5(100))], "ana", "by hand")
    await _synced(services, [1, 2, 3, 100], "ncmec")
    await _synced(services, [2, 50], "iwf")
    await imports.create(services, _request([3], "", sync=False), "ana", timeout=60.0)
    result = await _synced(services, [9], "ncmec", allow_large_removal=True)
    assert await _listed(services) == {2, 3, 9, 50, 100}
    assert result.synchronization is not None
    assert (result.synchronization.missing, result.synchronization.kept) == (1, 3)


async def test_a_file_that_lost_much_is_refused(services: Services) -> None:
    """Nothing is changed, whether it is empty or has lost more than its share; a dry run says so; somebody can allow
    it. A few may go whatever their share is."""
    many = 4 * MAX_UNASKED_REMOVALS
    await _synced(services, range(many))
    with pytest.raises(LargeRemoval, match=r"^there is no hash in the file, and 'ncmec' has 80 entries"):
        await _synced(services, [])
    with pytest.raises(LargeRemoval, match=r"lacks 40 of the 80 entries .*more than 30 %; nothing was changed"):
        await _synced(services, range(many // 2))
    assert await _listed(services) == set(range(many))
    dry = await _synced(services, range(many // 2), dry_run=True)
    assert dry.synchronization is not None and dry.comparison is not None
    assert dry.synchronization.too_large and dry.comparison.withdrawn == many // 2
    await _synced(services, range(many // 2), max_removal_share=0.6)
    assert await _listed(services) == set(range(many // 2))
    await _synced(services, range(many // 2 - MAX_UNASKED_REMOVALS))
    await _synced(services, [], allow_large_removal=True)
    assert await _listed(services) == set()


async def test_a_file_that_only_adds_withdraws_nothing(services: Services) -> None:
    """Of a source that ships additions, nothing is missing; what it listed before is not listed again."""
    await _synced(services, range(3), sync=False)
    result = await _synced(services, range(2, 5), sync=False)
    assert await _listed(services) == set(range(5))
    assert result.status is not None and result.status.job.total == 2


async def test_an_id_is_withdrawn_and_its_hash_listed_again(services: Services) -> None:
    """A file withdraws an id, and then has a hash of it again: the hash stays, though its source listed it before."""
    row = {"id": "1", "indicator": _md5(1), "type": "HASH_MD5", "descriptors": {"data": [{"status": "MALICIOUS"}]}}
    gone = {"id": "1", "should_delete": True}
    for rows in ([row], [gone, row]):
        file = io.BytesIO(json.dumps({"data": rows}).encode())
        asked = ImportRequest("a", file, "threatexchange-json", source="te")
        done = await imports.create(services, asked, "ana", timeout=60.0)
        assert done.status is not None and done.status.state == "done"
    assert await _listed(services) == {1}
    file = io.BytesIO(json.dumps({"data": [row, gone]}).encode())
    await imports.create(services, ImportRequest("a", file, "threatexchange-json", source="te"), "ana", timeout=60.0)
    assert await _listed(services) == set()
