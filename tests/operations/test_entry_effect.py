"""What an entry does, by the lists of running services."""

import pytest

from edgeward.operations import entries, entry_effect, lists
from edgeward.operations.entry_effect import Effect, effect_of, effect_of_all, effect_of_image
from edgeward.operations.matchability import not_matching
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, ListKind, Mode, Signal

MD5 = Signal("md5", "9" * 32)
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


async def _listed(services: Services, policy: HashList, signal: Signal = MD5) -> Entry:
    await lists.create(services, policy, "ana", "")
    (entry,) = (await entries.add(services, policy.name, [signal], "ana", "")).entries
    return entry


@pytest.mark.parametrize(
    ("policy", "signal", "effect"),
    [
        (HashList("a"), MD5, Effect.BLOCKS),
        (HashList("a"), Signal("pdq", PDQ, 90), Effect.BLOCKS),
        (HashList("a", mode=Mode.MONITOR), MD5, Effect.MONITORS),
        (HashList("a", mode=Mode.OFF), MD5, Effect.OFF),
        (HashList("a", ListKind.ALLOW), MD5, Effect.PROTECTS),
        (HashList("a", ListKind.ALLOW, mode=Mode.OFF), MD5, Effect.OFF),
        (HashList("a"), Signal("photodna", "0" * 288), Effect.CANNOT_MATCH),
        (HashList("a"), Signal("pdq", PDQ, 10), Effect.CANNOT_MATCH),
    ],
)
async def test_the_list_and_the_hash_decide(
    services: Services, policy: HashList, signal: Signal, effect: Effect
) -> None:
    """Only an entry that can match, on an enforced blocklist, blocks."""
    assert await effect_of(services, await _listed(services, policy, signal)) is effect


@pytest.mark.parametrize(("quality", "effect"), [(60, Effect.CANNOT_MATCH), (80, Effect.BLOCKS)])
async def test_the_lowest_quality_is_the_one_of_the_settings(
    services: Services, monkeypatch: pytest.MonkeyPatch, quality: int, effect: Effect
) -> None:
    """The effect on the receipt agrees with what was said at listing."""
    monkeypatch.setattr(services.replica.matcher, "min_quality", 80)
    entry = await _listed(services, HashList("a"), Signal("pdq", PDQ, quality))
    cannot_match = bool(await not_matching(services, [entry.signal]))
    assert (await effect_of(services, entry), cannot_match) == (effect, effect is Effect.CANNOT_MATCH)
    # Unless the list itself asks for more.
    await lists.change(services, "a", lists.ListChanges(min_quality=90), "ana", "")
    assert await effect_of(services, entry) is Effect.CANNOT_MATCH
    (why,) = await not_matching(services, [entry.signal], "a")
    assert "below that of the list (90)" in why.text


@pytest.mark.parametrize("signal", [MD5, Signal("pdq", PDQ, 90)])
async def test_an_allowlist_wins(services: Services, signal: Signal) -> None:
    """While it is enforced; it is named, with the entry that protects."""
    blocked = await _listed(services, HashList("court"), signal)
    assert await entry_effect.notes(services, HashList("court"), [signal]) == []
    allowed = await _listed(services, HashList("press", ListKind.ALLOW), signal)
    assert await effect_of(services, blocked) is Effect.PROTECTED
    (note,) = await entry_effect.notes(services, HashList("court"), [signal])
    assert f"press ({allowed.id})" in note
    await lists.change(services, "press", lists.ListChanges(hosts=("a.test",)), "ana", "")
    # At other hosts it blocks.
    assert await effect_of(services, blocked) is Effect.BLOCKS
    await lists.change(services, "press", lists.ListChanges(hosts=()), "ana", "")
    assert await effect_of(services, blocked) is Effect.PROTECTED
    await lists.change(services, "press", lists.ListChanges(mode=Mode.MONITOR), "ana", "")
    assert await effect_of(services, blocked) is Effect.BLOCKS


@pytest.mark.parametrize(
    "policy",
    [HashList("a", mode=Mode.MONITOR), HashList("a", mode=Mode.OFF), HashList("a", ListKind.ALLOW), HashList("a")],
)
async def test_no_note_without_an_allowlist_that_protects(services: Services, policy: HashList) -> None:
    """That a list is off or in monitor mode is said by `not_matching`."""
    assert await entry_effect.notes(services, policy, [MD5]) == []


async def test_one_signal_that_blocks_is_enough(services: Services) -> None:
    """Hashes of several images block nothing if none of them does; an image is protected by any of its hashes."""
    photodna, other = Signal("photodna", "0" * 288), Signal("sha256", "7" * 64)
    await _listed(services, HashList("court"))
    await _listed(services, HashList("press", ListKind.ALLOW))
    assert await effect_of_all(services, "court", [photodna, MD5]) is Effect.PROTECTED
    assert await effect_of_all(services, "court", [MD5, photodna, other]) is Effect.BLOCKS
    assert await effect_of_image(services, "court", [other, MD5]) is Effect.PROTECTED
    assert await effect_of_image(services, "court", [other]) is Effect.BLOCKS
    assert await effect_of_all(services, "press", [other]) is Effect.PROTECTS
    assert await effect_of_all(services, "no list", [other]) is Effect.OFF
