"""What a file would change of its list."""

import pytest
from tests.support.eventually import eventually
from tests.support.stored_batches import list_batch

from edgeward.imports.reading import Abandoned, Reading
from edgeward.imports.spool import Spool
from edgeward.lists.formats import WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.matching.batches.batch_files import BATCHES_DIRECTORY, BatchFiles
from edgeward.operations import lists
from edgeward.operations.import_comparison import Comparison, compare
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, Signal


def md5(number: int) -> Signal:
    return Signal("md5", f"{number:032x}")


async def compared(services: Services, *rows: ParsedHash | WithdrawnSource, reading: Reading) -> Comparison:
    spool = Spool(None, "ncii")
    for row in rows:
        spool.add(row)
    try:
        return await compare(services, HashList("a"), spool, spool.finish(), reading)
    finally:
        spool.close()


async def test_a_file_beside_its_list(services: Services) -> None:
    """New, known, changed, withdrawn and not there: each hash is one of them, and nothing is changed."""
    await lists.create(services, HashList("a"), "ana", "")
    known = [Entry("a", md5(1), source_id="s1"), Entry("a", md5(2), source_id="s2", tags=("x",)), Entry("a", md5(3))]
    gone = [Entry("a", md5(number), source_id="gone") for number in (4, 5, 6)]
    await services.list_store.add_entries([*known, *gone], "ana")
    version, reading = await services.list_store.version(), Reading()

    async def is_ready() -> bool:
        return services.retromatch.ready

    await eventually(is_ready)
    found = await compared(
        services,
        ParsedHash(md5(1), source_id="s1"),
        ParsedHash(md5(2), source_id="s2"),
        ParsedHash(md5(3), withdrawn=True),
        WithdrawnSource(4, "gone"),
        ParsedHash(md5(6), source_id="gone"),
        *(ParsedHash(md5(number)) for number in range(10, 1510)),
        ParsedHash(md5(9), withdrawn=True),
        reading=reading,
    )
    assert (found.new, found.known, found.changed, found.withdrawn, found.not_listed) == (1500, 3, 1, 3, 1)
    assert found.effect is not None and found.effect.searched == 1500
    assert (reading.stage, reading.done, reading.total) == ("comparing", 1505, 1505)
    assert await services.list_store.version() == version


async def test_one_that_is_given_up_stops(services: Services) -> None:
    """It may be a long one."""
    await lists.create(services, HashList("a"), "ana", "")
    reading = Reading()
    reading.cancelled.set()
    with pytest.raises(Abandoned):
        await compared(services, ParsedHash(md5(1)), reading=reading)


async def test_entries_of_batches_are_compared(services: Services) -> None:
    """With what sources say of them, as single ones are; one that is both counts once."""
    await lists.create(services, HashList("a"), "ana", "")
    listed = [Entry("a", md5(number), "", "ana", 1.0, "", f"s{number}", ("x",)) for number in range(10)]
    files = BatchFiles(services.config.state_dir.absolute() / BATCHES_DIRECTORY)
    batch = await list_batch(services.list_store, listed, files, act="job-1")
    both = [Entry("a", md5(2), source_id="other"), Entry("a", md5(6))]
    changes = await services.list_store.add_entries(both, "bob")
    assert await services.replica.wait_version(changes[-1].version, 60)
    assert batch.rows == 10
    found = await compared(
        services,
        ParsedHash(md5(0), source_id="s0", tags=("x",)),
        ParsedHash(md5(1), source_id="s1"),
        ParsedHash(md5(2), source_id="other"),
        ParsedHash(md5(3), withdrawn=True),
        ParsedHash(md5(30), withdrawn=True),
        WithdrawnSource(4, "s4"),
        WithdrawnSource(5, "s2"),
        WithdrawnSource(6, "s6"),
        ParsedHash(md5(40)),
        reading=Reading(),
    )
    assert (found.new, found.known, found.changed, found.withdrawn, found.not_listed) == (1, 3, 1, 2, 1)
