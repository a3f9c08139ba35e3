"""What became of the purges that several entries led to, each purge counted once."""

from collections.abc import Sequence

from edgeward.operations import entries
from edgeward.operations.entry_effect import effect_of_all, effect_of_image
from edgeward.operations.services import Services
from edgeward.operations.waiting import PurgeStatus, wait_purged


async def of_entries(
    services: Services, hashes: Sequence[str], images: Sequence[Sequence[str]], version: int, timeout: float
) -> PurgeStatus:
    """Wait until every cache has carried out or refused every order that these entries led to, at most `timeout`
    seconds.

    Args:
        hashes: ids of entries that were listed by hash.
        images: by image, the ids of the entries that list it.
        version: of the lists, which is retromatched first. It has all of these entries.

    Raises:
        NotFound: an entry is on no list.
    """
    by_hash = [entries.find(services, each) for each in dict.fromkeys(hashes)]
    by_image = [[entries.find(services, each) for each in dict.fromkeys(image)] for image in images if image]
    found = {entry.id for group in (by_hash, *by_image) for entry in group}
    purge = await wait_purged(services, version, (), found, timeout)
    effects = [await effect_of_image(services, each[0].list, [entry.signal for entry in each]) for each in by_image]
    for name in dict.fromkeys(entry.list for entry in by_hash):
        signals = [entry.signal for entry in by_hash if entry.list == name]
        effects.append(await effect_of_all(services, name, signals))
    return purge.inactive_in_part(effects)
