"""What an undo puts back is judged."""

import io
import json
from pathlib import Path

import pytest
from tests.operations.guarded import guarded
from tests.support.eventually import eventually
from tests.support.seen_images import md5, see, seen_image

from edgeward.errors import Conflict
from edgeward.operations import imports, lists, undo
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.rollback import rollback
from edgeward.operations.services import Services
from edgeward.store.connection import Store
from edgeward.types import HashList, Mode

HASHES = range(1, 5)


async def imported(services: Services, withdrawn: bool = False) -> str:
    rows = [json.dumps({"type": "md5", "value": md5(number).value, "withdrawn": withdrawn}) for number in HASHES]
    asked = ImportRequest("a", io.BytesIO("\n".join(rows).encode()), "jsonl")
    return await ended(services, await imports.create(services, asked, "ana"))


async def ended(services: Services, result: imports.ImportResult) -> str:
    assert result.status
    job_id = result.status.job.id

    async def is_over() -> bool:
        return (await imports.get(services, job_id)).state in ("done", "failed")

    await eventually(is_over)
    assert (await imports.get(services, job_id)).progress.error == ""
    return job_id


async def enforce(services: Services) -> None:
    await lists.change(services, "a", lists.ListChanges(mode=Mode.ENFORCE), "ana", "")


@pytest.mark.parametrize("rows", [5000, 1], ids=["entry by entry", "in batches"])
@pytest.mark.parametrize("rolls_back", [False, True])
async def test_entries_that_never_blocked_are_not_put_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, rolls_back: bool
) -> None:
    """They were taken off while the list was off, and would block more than an import may: nothing is changed."""
    monkeypatch.setattr(imports, "BATCH_ROWS", rows)
    async with guarded(store, tmp_path, {"share": 0.1, "min_images": 1}) as services:
        await see(services, *(seen_image(number) for number in range(1, 7)))
        await lists.create(services, HashList("a", mode=Mode.OFF), "ana", "")
        version = await services.list_store.version()
        await imported(services)
        if rolls_back:
            act = await ended(services, await rollback(services, "a", version, "ana"))
        else:
            act = await imported(services, withdrawn=True)
        await enforce(services)
        with pytest.raises(Conflict, match="the guard holds: it would block 4 images"):
            await undo.undo(services, act, "ana", "")
        assert not (await services.list_store.acts.get(act)).undone_at
        await lists.change(services, "a", lists.ListChanges(mode=Mode.MONITOR), "ana", "")
        assert (await undo.undo(services, act, "ana", "", 60.0)).act.restored == len(HASHES)
