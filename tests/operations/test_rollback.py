"""Rollbacks: a list is again as it was at a version."""

import io
import random

import pytest
from tests.support.eventually import eventually

from edgeward.errors import InvalidValue, NotFound, UserError
from edgeward.operations import entries, imports, lists, undo
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.rollback import rollback
from edgeward.operations.services import Services
from edgeward.types import HashList, ListKind, Signal

NUMBERS = 40


def signal(number: int) -> Signal:
    return Signal("md5", f"{number + 1:032x}")


@pytest.fixture(autouse=True, params=[5000, 1], ids=["entry by entry", "in batches"])
async def _a_list(services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports are listed entry by entry, or each as a batch."""
    monkeypatch.setattr(imports, "BATCH_ROWS", request.param)
    await lists.create(services, HashList("a"), "ana", "")


async def imported(services: Services, rows: list[dict[str, object]], list_name: str = "a") -> str:
    """Import rows, wait for the end, and return the id of the job."""
    text = "\n".join(str(row).replace("'", '"').replace("True", "true") for row in rows)
    asked = ImportRequest(list_name, io.BytesIO(text.encode()), "jsonl", reason="x")
    status = (await imports.create(services, asked, "ana")).status
    assert status
    await ended(services, status.job.id)
    return status.job.id


async def ended(services: Services, job_id: str) -> None:
    async def is_done() -> bool:
        return (await imports.get(services, job_id)).state == "done"

    await eventually(is_done, "the end of the import")


def row(number: int, source_id: str = "", **more: object) -> dict[str, object]:
    return {"type": "md5", "value": signal(number).value, **({"source_id": source_id} if source_id else {}), **more}


async def listed(services: Services, list_name: str = "a") -> dict[str, str]:
    """By value, the source's ids of what is listed."""
    assert await services.replica.wait_version(await services.list_store.version(), 60.0)
    return {each.signal.value: each.source_id for each in services.replica.matcher.entries(list_name).values()}


async def rolled_back(services: Services, version: int) -> str:
    status = (await rollback(services, "a", version, "bo", "by mistake")).status
    assert status
    await ended(services, status.job.id)
    return status.job.id


async def test_a_list_is_as_it_was(services: Services) -> None:
    """After imports, withdrawals, removals, undos and single entries at random; and an undo takes it back."""
    chance = random.Random(4)
    states: dict[int, dict[str, str]] = {}
    jobs: list[str] = []
    for step in range(7):
        some = chance.sample(range(NUMBERS), 8)
        kind = chance.choice(["import", "import", "withdraw", "add", "remove", "undo"]) if step else "import"
        on_list = sorted(await listed(services))
        if kind == "import":
            jobs.append(await imported(services, [row(number, f"s{number}") for number in some]))
        elif kind == "withdraw":
            await imported(services, [row(number, withdrawn=True) for number in some])
        elif kind == "add":
            await entries.add(services, "a", [signal(number) for number in some], "by hand", "ana")
        elif kind == "remove" and on_list:
            ids = [each.id for each in services.replica.matcher.entries("a").values()]
            await services.list_store.remove_entries("a", ids[:2], "ana", "")
        elif kind == "undo" and jobs:
            await undo.undo(services, jobs.pop(), "ana", "", 60.0)
        states[await services.list_store.version()] = await listed(services)
    for version in chance.sample(sorted(states), 3):
        before = await listed(services)
        job_id = await rolled_back(services, version)
        assert (await listed(services)).keys() == states[version].keys()
        await undo.undo(services, job_id, "ana", "", 60.0)
        assert await listed(services) == before


async def test_what_the_source_said_comes_back(services: Services) -> None:
    """And the audit trail tells who rolled back, to which version, and why."""
    await imported(services, [row(1, "s1"), row(2, "s2")])
    version = await services.list_store.version()
    before = await listed(services)
    await imported(services, [row(1, withdrawn=True), row(3)])
    job_id = await rolled_back(services, version)
    assert await listed(services) == before
    act = await services.list_store.acts.get(job_id)
    assert (act.by, act.why) == ("bo", f"rolled back to version {version}: by mistake")


async def test_a_dry_run_says_what_would_change(services: Services) -> None:
    """Nothing is changed."""
    await imported(services, [row(1), row(2)])
    version = await services.list_store.version()
    await imported(services, [row(1, withdrawn=True), row(3), row(4)])
    now = await listed(services)
    comparison = (await rollback(services, "a", version, "bo", dry_run=True)).comparison
    assert comparison
    assert (comparison.new, comparison.known, comparison.withdrawn) == (1, 0, 2)
    assert await listed(services) == now


async def test_there_must_be_such_a_version(services: Services) -> None:
    """Of a list that there is."""
    with pytest.raises(InvalidValue, match="does not exist: the lists are at version"):
        await rollback(services, "a", 10**9, "bo")
    with pytest.raises(NotFound):
        await rollback(services, "none", 0, "bo")
    await lists.create(services, HashList("gone", ListKind.ALLOW), "ana", "")
    version = await services.list_store.version()
    await lists.delete(services, "gone", "ana", "")
    await lists.create(services, HashList("gone", ListKind.ALLOW), "ana", "")
    with pytest.raises(UserError, match="was deleted in between"):
        await rollback(services, "gone", version, "bo")


async def test_what_a_source_says_otherwise_since_is_as_it_was(
    services: Services, request: pytest.FixtureRequest
) -> None:
    """Of a long list: its entries have the ids of then again. A single entry keeps what the first import said."""
    await imported(services, [row(1, "s1"), row(2, "s2")])
    version, before = await services.list_store.version(), await listed(services)
    await imported(services, [row(1, "t1"), row(3, "t3")])
    job_id = await rolled_back(services, version)
    assert await listed(services) == before
    status = await imports.get(services, job_id, 10.0)
    assert (status.job.total, status.progress.added, status.progress.withdrawn) == (0, 0, 1)


async def test_its_job_says_how_many_come_back_and_go(services: Services, request: pytest.FixtureRequest) -> None:
    """Of rows of batches too, which it names by their places."""
    await imported(services, [row(number) for number in range(6)])
    version = await services.list_store.version()
    await imported(services, [row(1, withdrawn=True), *(row(number) for number in (7, 8, 9))])
    job_id = await rolled_back(services, version)
    status = await imports.get(services, job_id, 10.0)
    found = status.job.total, status.progress.added, status.known, status.job.withdrawals, status.progress.withdrawn
    assert found == (1, 1, 0, 3, 3)
    assert bool(status.job.masks) == ("in batches" in request.node.name)
    assert await rolled_back(services, await services.list_store.version())
    assert len(await listed(services)) == 6
