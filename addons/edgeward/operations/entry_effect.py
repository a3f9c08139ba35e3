"""What an entry does now: it blocks, or something keeps it from blocking. People are told at once, and on receipts."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from edgeward.hashing.composite import is_matchable
from edgeward.matching.matcher import has_enough_quality
from edgeward.operations.services import Services
from edgeward.types import Entry, Fingerprint, HashList, ListKind, Mode, Signal

MAX_NAMED = 5
"""Entries of allowlists that a note names at most."""
MAX_PROTECTED = 1000
"""Signals that are looked for on allowlists at most: if all of them are protected, another may block."""


class Effect(StrEnum):
    BLOCKS = "blocks"
    MONITORS = "monitors"
    """Its list is in monitor mode, or it is itself: matches are recorded, and nothing is blocked or purged."""
    OFF = "off"
    """Its list is off, or is gone."""
    PROTECTS = "protects"
    """Its list is an allowlist."""
    PROTECTED = "protected"
    """An allowlist has an entry that matches it, and allowlists win."""
    CANNOT_MATCH = "cannot_match"
    """No image gets a signal of its type here, or its quality is too low."""
    REMOVED = "removed"
    """It is on no list any more."""


async def effect_of(services: Services, entry: Entry) -> Effect:
    """By the current lists of this process."""
    if entry.mode is Mode.MONITOR and _by_policy(services.replica.matcher.lists.get(entry.list)) is Effect.BLOCKS:
        return Effect.MONITORS
    return await effect_of_all(services, entry.list, [entry.signal])


async def effect_of_all(services: Services, list_name: str, listed: Iterable[Signal]) -> Effect:
    """What signals of one list do: BLOCKS if one of them blocks, or if there are none on a list that blocks."""
    if (by_policy := _by_policy(services.replica.matcher.lists.get(list_name))) is not Effect.BLOCKS:
        return by_policy
    protected, found = 0, Effect.BLOCKS
    for signal in listed:
        if not _can_match(services, list_name, signal):
            found = Effect.PROTECTED if protected else Effect.CANNOT_MATCH
        elif protected < MAX_PROTECTED and await _protecting(services, [signal]):
            protected, found = protected + 1, Effect.PROTECTED
        else:
            return Effect.BLOCKS
    return found


async def effect_of_image(services: Services, list_name: str, listed: Sequence[Signal]) -> Effect:
    """What the signals of one image do: an allowlist that has one of them protects the image."""
    effect = await effect_of_all(services, list_name, listed)
    if effect is Effect.BLOCKS and await _protecting(services, listed):
        return Effect.PROTECTED
    return effect


def _by_policy(of_list: HashList | None) -> Effect:
    """BLOCKS: what it does depends on the entry."""
    if of_list is None or of_list.mode is Mode.OFF:
        return Effect.OFF
    if of_list.kind is ListKind.ALLOW:
        return Effect.PROTECTS
    return Effect.MONITORS if of_list.mode is Mode.MONITOR else Effect.BLOCKS


def _can_match(services: Services, list_name: str, signal: Signal) -> bool:
    matcher = services.replica.matcher
    of_list = matcher.lists.get(list_name)
    min_quality = matcher.quality_of(of_list) if of_list else matcher.min_quality
    return is_matchable(signal.type, matcher.types) and has_enough_quality(signal, min_quality)


async def notes(services: Services, of_list: HashList, listed: Sequence[Signal]) -> list[str]:
    """The allowlists that keep signals which were just listed from blocking, in one sentence."""
    if of_list.kind is ListKind.ALLOW or of_list.mode is not Mode.ENFORCE:
        return []
    protecting = await _protecting(services, listed)
    named = ", ".join(f"{entry.list} ({entry.id})" for entry in protecting[:MAX_NAMED])
    return [f"an allowlist protects it, so it is not blocked: {named}"] if protecting else []


async def _protecting(services: Services, listed: Sequence[Signal]) -> list[Entry]:
    """The entries of enforced allowlists that match one of these signals, and protect it everywhere."""
    matcher = services.replica.matcher
    digest = next((signal.value for signal in listed if signal.type == "sha256"), "")
    found = await matcher.matches_async(Fingerprint(digest, "", 0, tuple(listed)))
    protecting = {
        name
        for name, each in matcher.lists.items()
        if each.kind is ListKind.ALLOW and each.mode is Mode.ENFORCE and not each.is_limited
    }
    return [match.entry for match in found if match.entry.list in protecting]
