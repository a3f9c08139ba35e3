"""Versions of a list compared."""

from collections.abc import AsyncGenerator
from functools import partial

from edgeward.errors import InvalidValue
from edgeward.lists.list_diff import Difference, ListDifference
from edgeward.operations import lists
from edgeward.operations.services import Services


async def diff(services: Services, name: str, first: int, last: int | None) -> AsyncGenerator[list[Difference]]:
    """The entries that a list has at one of two versions of the lists only, some at a time. Errors and arguments as in
    `difference`."""
    async for some in (await difference(services, name, first, last)).entries():
        yield some


async def difference(services: Services, name: str, first: int, last: int | None) -> ListDifference:
    """What differs between two versions of a list.

    Args:
        last: None: the current version.

    Raises:
        NotFound: there is no such list.
        InvalidValue: a version does not exist yet, or the first one is later than the last.
        UserError: as in `ListDifference`.
    """
    await lists.get(services, name)
    current = await services.list_store.version()
    end = current if last is None else last
    if end > current:
        raise InvalidValue(f"{end} does not exist: the lists are at version {current}", "last")
    if first > end:
        raise InvalidValue(f"{first} is after {end}: give the earlier version first", "first")
    batches, states = services.list_store.batches, services.replica.batch_states
    has_batches = (await batches.get(name)).batches or await batches.old_of(name)
    of_rows = partial(states.between, name, first, end) if has_batches else None
    return ListDifference(services.store, name, first, end, of_rows)
