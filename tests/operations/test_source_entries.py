"""What a source has on a list: by single entries and by rows of batches."""

import pytest
from tests.support.stored_batches import list_batch

from edgeward.imports.source_acts import SourceActs, new_source_act
from edgeward.imports.spool import ListedHash, Spool
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.operations import lists
from edgeward.operations.services import Services
from edgeward.operations.source_entries import OfSource
from edgeward.types import Entry, HashList, Signal


def signal(number: int) -> Signal:
    return Signal("md5", f"{number:032x}")


@pytest.fixture
async def of_source(services: Services) -> OfSource:
    """The source "one" lists 0 to 4 by a batch and 5 and 6 singly; another batch lists 1 too, and a person 2 and 6."""
    await lists.create(services, HashList("a"), "ana", "")
    act, single = new_source_act("a", "one"), new_source_act("a", "one")
    first = await list_batch(services.list_store, [Entry("a", signal(n), source_id=f"s{n}") for n in range(5)], act=act)
    assert await services.replica.wait_version(first.version, 60.0)
    index = services.replica.matcher.batches("a")
    row = next(number for number in range(5) if index.entry_at(first.id, number).signal == signal(1))
    await list_batch(services.list_store, [Entry("a", signal(90))], act="job-1", adds=[(first, [row])])
    await services.list_store.add_entries([Entry("a", signal(5)), Entry("a", signal(6))], "ana", act=single)
    await services.list_store.add_entries([Entry("a", signal(2)), Entry("a", signal(6))], "ana", act="act-9")
    assert await services.replica.wait_version(await services.list_store.version(), 60.0)
    return OfSource(services, "a", SourceActs("a", "one"))


async def test_all_that_it_has(of_source: OfSource) -> None:
    """What another batch, or a person, lists too is not its alone."""
    found = [each async for some in of_source.whole() for each in some]
    alone = {int(each.signal.value, 16): each.alone for each in found}
    assert alone == {0: True, 1: False, 2: False, 3: True, 4: True, 5: True, 6: False}
    assert ListedHash(signal(3), True, "s3") in found
    assert of_source.row_count == 5


async def test_what_it_has_of_a_file(of_source: OfSource) -> None:
    """Hashes that only others list are not among it."""
    spool = Spool(None, "a")
    for number in (1, 5, 90, 77):
        spool.add(ParsedHash(signal(number)))
    spool.finish()
    found = {int(each.signal.value, 16) async for some in of_source.known(spool) for each in some}
    assert found == {1, 5}
