"""What still blocks an image is found by all that is known of it."""

import time

from tests.support.real_caches import target

from edgeward.operations import entries, lists, still_blocked
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, HashList, ListKind, Mode, Sighting, Signal

SHA256 = Signal("sha256", "ab" * 32)
MD5 = Signal("md5", "cd" * 16)
PDQ = Signal("pdq", "0f1e2d3c4b5a6978" * 4, 90)
NEAR = Signal("pdq", "0f1e2d3c4b5a6970" + "0f1e2d3c4b5a6978" * 3, 90)


async def add(services: Services, name: str, signal: Signal, kind: ListKind = ListKind.BLOCK, **policy: Mode) -> None:
    await lists.create(services, HashList(name, kind, **policy), "ana", "")
    await entries.add(services, name, [signal], "ana", "")


async def test_a_near_entry_still_blocks(services: Services) -> None:
    """An entry of another list within the radius of a removed hash is named with its distance; not one that is far."""
    await add(services, "near", NEAR)
    await add(services, "far", Signal("pdq", "1234567890abcdef" * 4, 90))
    found = await still_blocked.by_signals(services, [PDQ])
    assert [(match.entry.list, match.distance) for match, _ in found.blocking] == [("near", 1)]
    assert (found.checked, found.unchecked, found.allowed) == (1, 0, None)


async def test_all_hashes_of_a_seen_image_count(services: Services) -> None:
    """The removed hash alone matches nothing. The image that has it was seen, and another of its hashes is listed."""
    image = Fingerprint(SHA256.value, "image/jpeg", 1, (SHA256, MD5))
    await add(services, "a", MD5)
    assert (await still_blocked.by_signals(services, [SHA256])).blocking == []
    await services.sightings.write([Sighting(target("/1"), image, time.time(), 0)])
    found = await still_blocked.by_signals(services, [SHA256])
    assert [match.entry.signal for match, _ in found.blocking] == [MD5]


async def test_only_enforced_blocklists_block(services: Services) -> None:
    """Lists in monitor mode and lists that are off block nothing; an allowlist is named apart."""
    await add(services, "monitored", MD5, mode=Mode.MONITOR)
    await add(services, "off", MD5, mode=Mode.OFF)
    assert (await still_blocked.by_signals(services, [MD5])).blocking == []
    await add(services, "fine", MD5, ListKind.ALLOW)
    await add(services, "bad", MD5)
    found = await still_blocked.by_image(services, Fingerprint(SHA256.value, "image/jpeg", 1, (SHA256, MD5)))
    assert [match.entry.list for match, _ in found.blocking] == ["bad"]
    assert found.allowed is not None
    assert found.allowed[1].name == "fine"


async def test_what_was_not_checked_is_counted(services: Services) -> None:
    """A long undo matches a bounded number of perceptual hashes, and says how many it did not."""
    many = [Signal("phash", f"{number:016x}") for number in range(1, still_blocked.MAX_CHECKED + 8)]
    found = await still_blocked.by_signals(services, many, total=1000)
    assert (found.checked, found.unchecked) == (still_blocked.MAX_CHECKED, 1000 - still_blocked.MAX_CHECKED)


async def test_every_digest_is_checked(services: Services) -> None:
    """Looking one up takes no time: that of another act's entry is found behind any number of others."""
    many = [Signal("md5", f"{number:032x}") for number in range(1, still_blocked.MAX_CHECKED + 200)]
    await add(services, "a", SHA256)
    found = await still_blocked.by_signals(services, [*many, SHA256])
    assert ([match.entry.signal for match, _ in found.blocking], found.unchecked) == ([SHA256], 0)
