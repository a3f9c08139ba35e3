"""Imports are recorded durably, or not at all."""

from collections.abc import Iterator

import pytest

from edgeward.errors import NotFound
from edgeward.imports.import_jobs import ImportJob
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.operations import import_records, lists
from edgeward.operations.guard import Judgement
from edgeward.operations.import_effect import SeenEffect
from edgeward.operations.import_records import ImportContents
from edgeward.operations.services import Services
from edgeward.types import HashList, Signal

HELD = Judgement(SeenEffect(), ("too much",))


def hashes(fail: bool = False) -> Iterator[ParsedHash]:
    for number in range(3):
        yield ParsedHash(Signal("md5", f"{number:032x}"))
    if fail:
        raise RuntimeError("the file broke off")


async def test_a_held_import_is_recorded_and_not_begun(services: Services) -> None:
    """With its act, so that nothing else can take its id."""
    await lists.create(services, HashList("a"), "ana", "")
    job = ImportJob("a", "ana", services.store.clock.now(), 3)
    await import_records.record(services, job, ImportContents(hashes()), HELD)
    _, progress = await services.import_jobs.get(job.id)
    assert (progress.state, Judgement.from_json(progress.held)) == ("held", HELD)
    assert (await services.list_store.acts.get(job.id)).list == "a"


async def test_what_can_not_be_recorded_leaves_nothing(services: Services) -> None:
    """Neither staged hashes nor an act."""
    await lists.create(services, HashList("a"), "ana", "")
    job = ImportJob("a", "ana", services.store.clock.now(), 3)
    with pytest.raises(RuntimeError):
        await import_records.record(services, job, ImportContents(hashes(fail=True)))
    for get in (services.import_jobs.get, services.list_store.acts.get):
        with pytest.raises(NotFound):
            await get(job.id)
