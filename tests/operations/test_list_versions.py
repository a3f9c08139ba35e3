"""Versions of a list compared."""

import pytest

from edgeward.errors import InvalidValue, NotFound
from edgeward.operations import entries, lists
from edgeward.operations.list_versions import diff
from edgeward.operations.services import Services
from edgeward.types import HashList, Signal

MD5 = Signal("md5", "9" * 32)


async def test_versions_are_checked(services: Services) -> None:
    """Both exist, the earlier one first; without the later one it is the current one."""
    await lists.create(services, HashList("a"), "ana", "")
    first = await services.list_store.version()
    last = (await entries.add(services, "a", [MD5], "ana", "")).change.version
    (some,) = [each async for each in diff(services, "a", first, None)]
    assert [(each.entry.signal, each.is_added, each.version) for each in some] == [(MD5, True, last)]
    assert [each async for each in diff(services, "a", first, first)] == []
    for name, one, two, error in (
        ("a", 0, last + 1, InvalidValue),
        ("a", last, first, InvalidValue),
        ("b", 0, None, NotFound),
    ):
        with pytest.raises(error):
            _ = [each async for each in diff(services, name, one, two)]
