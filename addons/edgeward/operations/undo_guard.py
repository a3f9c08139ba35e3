"""Whether an undo may put back what its act had taken off a list: the guard judges it as an import of those hashes.

They need not have blocked before: the list may have been off, or had another policy, when they were taken off.
"""

from collections.abc import AsyncIterator, Sequence

from edgeward.errors import Conflict, NotFound
from edgeward.lists.acts import Act
from edgeward.operations.guard import judge
from edgeward.operations.services import Services
from edgeward.types import Signal


async def require_harmless(services: Services, act: Act) -> None:
    """Nothing is changed.

    Raises:
        Conflict: it would be held as an import.
        StoreUnavailable: the images seen are still being read.
    """
    if act.done_at or not act.withdrawn:
        return
    try:
        hash_list = await services.list_store.get_list(act.list)
    except NotFound:
        return  # nothing is put back
    judgement = await judge(services, hash_list, act.withdrawn, _put_back(services, act))
    if judgement.is_held:
        raise Conflict(
            f"the undo would put back entries that the guard holds: {'; '.join(judgement.reasons)}. Nothing was "
            f"changed; `edgeward rollback {act.list} VERSION`, or an import of them, waits for a second person"
        )


async def _put_back(services: Services, act: Act) -> AsyncIterator[Sequence[Signal]]:
    async for some in services.list_store.withdrawals.taken_off(act.id):
        yield [each.signal for each in some]
    stored = await services.list_store.batches.get(act.list)
    for batch in stored.batches:
        if batch.act == act.id and not batch.undone:
            async for signals in services.replica.batch_states.put_back(stored, batch):
                yield signals
