"""Entries: which signals of an image are fit to be listed; adding and finding entries."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeward.errors import BadImage, BadSignal, InvalidValue, NotFound
from edgeward.hashing import signals
from edgeward.hashing.composite import component_types, with_composites
from edgeward.hashing.embedded_images import markup_types
from edgeward.hashing.signal_registry import hashable_types
from edgeward.imports.import_jobs import ImportJob
from edgeward.lists.acts import new_act_id
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.relisting import list_again
from edgeward.matching.batches.row_sets import rows_of_signals
from edgeward.operations import held_updates, image_hashing, import_records
from edgeward.operations.guard import in_chunks, judge, not_listed
from edgeward.operations.held_updates import UpdateHeld
from edgeward.operations.import_records import ImportContents
from edgeward.operations.matchability import NotMatching, not_matching
from edgeward.operations.services import Services
from edgeward.operations.store import refuse_changes_after_loss
from edgeward.operations.waiting import ChangeStatus, PurgeStatus, wait_applied, wait_purged
from edgeward.settings.config import HashingSettings
from edgeward.types import COMPOSITE_TYPE, TYPES_WITH_QUALITY, Entry, Fingerprint, Signal, View, entry_id


@dataclass(frozen=True, slots=True)
class SignalsToList:
    """Signals fit to be listed, and a note on each signal type that has none."""

    signals: Sequence[Signal]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EntriesAdded:
    """The result of listing.

    Attributes:
        act: the id by which all of it can be undone.
        entries: one for each signal, as it is on the list: an entry listed before keeps its provenance.
        known: how many of them were on the list before.
        purge: None if it was not waited for.
        not_matching: which of them match nothing, and why.
    """

    act: str
    entries: Sequence[Entry]
    known: int
    change: ChangeStatus
    purge: PurgeStatus | None
    not_matching: Sequence[NotMatching] = ()


def find(services: Services, id_: str) -> Entry:
    """The entry with this id, on any list.

    Raises:
        NotFound: no list has it.
    """
    found = services.replica.matcher.find(id_)
    if found is None:
        raise NotFound(f"no entry has the ID {id_!r}")
    return found


async def add(
    services: Services,
    list_name: str,
    listed: Sequence[Signal],
    who: str,
    reason: str,
    timeout: float | None = None,
    act: str = "",
) -> EntriesAdded:
    """List signals, and wait until every live process blocks them. What is listed already is purged again.

    Args:
        who: the caller's name, for the audit trail.
        timeout: seconds to wait until every copy seen is gone from the caches; None does not wait for the caches.
        act: id of the act that they belong to; "" begins a new one.

    Raises:
        NotFound: there is no such list.
        Conflict: the act is undone, or is another caller's or another list's.
        Unavailable: the store lost lists that are not restored yet.
        UpdateHeld: they would block too much: they wait for a second person, as an import.
    """
    refuse_changes_after_loss(services)
    await _hold_if_needed(services, list_name, listed, who, reason)
    now, act = services.store.clock.now(), act or new_act_id()
    # An entry's id follows from its list and signal, so a signal given twice is one entry.
    entries = {entry.id: entry for entry in (Entry(list_name, signal, reason, who, now) for signal in listed)}
    state = services.replica.matcher.batches(list_name).state
    rows = await asyncio.to_thread(rows_of_signals, state, listed)
    in_batches = {entry_id(list_name, signal) for signal in rows}
    changes = await services.list_store.add_entries(list(entries.values()), who, reason, act)
    known = entries.keys() - {change.entry.id for change in changes if change.entry}
    # What is on the list already is matched and purged again: a copy may have been stored since.
    changes += await list_again(services.store, list_name, sorted(known), who, reason)
    # What a batch lists is now a single entry too: it stays if the act of the batch is undone.
    known |= in_batches
    version = changes[-1].version if changes else await services.list_store.version()
    change = await wait_applied(services.list_store, version)
    purge = None if timeout is None else await wait_purged(services, version, changes, known, timeout)
    # Entries listed before have the provenance of their first listing, which the live copy knows.
    on_list = services.replica.matcher.entries(list_name)
    added = [on_list.get(id_, entry) for id_, entry in entries.items()]
    unmatched = await not_matching(services, [entry.signal for entry in entries.values()], list_name)
    return EntriesAdded(act, added, len(known), change, purge, unmatched)


async def _hold_if_needed(services: Services, list_name: str, listed: Sequence[Signal], who: str, reason: str) -> None:
    """Raises UpdateHeld if these signals must be approved. They are recorded as an import of them alone."""
    on = await services.list_store.get_list(list_name)
    # What is on the list already was judged when it came there.
    new = await not_listed(services, list_name, listed)
    judged = await judge(services, on, len(new), in_chunks(new))
    if judged.is_held:
        signals = list(dict.fromkeys(listed))
        job = ImportJob(list_name, who, services.store.clock.now(), len(signals), reason)
        await import_records.record(services, job, ImportContents(map(ParsedHash, signals)), judged)
        raise UpdateHeld(held_updates.of_import(*await services.import_jobs.get(job.id)))


def signals_of_hashes(services: Services, hashes: Sequence[str], quality: int | None = None) -> list[Signal]:
    """Hashes as "TYPE:HEX", as signals. `quality` is that of the types that have one.

    Raises:
        BadSignal: a hash is malformed; the message names it.
        InvalidValue: the quality is too low, or none of the hashes has a type with one.
    """
    check_quality(services, quality)
    listed = [_with_quality(signals.parse(text), quality) for text in hashes]
    if quality is not None and all(signal.type not in TYPES_WITH_QUALITY for signal in listed):
        raise InvalidValue("none of the hashes is a pdq or pdq-dhash", "quality")
    return listed


def check_types(types: Sequence[str]) -> None:
    """Raises InvalidValue if a type is unknown, or images can't be hashed for it."""
    for name in types:
        if name not in hashable_types():
            raise InvalidValue(f"unknown signal type {name!r}; known: {', '.join(hashable_types())}", "signals")


def check_quality(services: Services, quality: int | None) -> None:
    """Raises InvalidValue if hashes of this quality would never match: it is below hashing.min_quality."""
    min_quality = services.config.hashing.min_quality
    if quality is not None and quality < min_quality:
        reason = f"{quality} is below hashing.min_quality ({min_quality}): the hashes would never match"
        raise InvalidValue(reason, "quality")


async def signals_of_image(services: Services, body: bytes, types: Sequence[str]) -> SignalsToList:
    """Hash an image and choose its signals of `types` that are fit to be listed.

    Raises:
        InvalidValue: a type is unknown, or images can't be hashed for it.
        BadImage: the bytes are not an image, an SVG, or nothing of it can be listed.
        Unavailable: every hasher is busy.
    """
    check_types(types)
    fingerprint = await image_hashing.fingerprint(services, body, frozenset({View.SMALLER}))
    if fingerprint.media_type == markup_types.SVG:
        raise BadImage("an SVG can't be listed: list the images that it shows")
    chosen = signals_to_list(fingerprint, types, services.config.hashing)
    if not chosen.signals:
        raise BadImage(f"this image has no signal that can be listed: {'; '.join(chosen.notes)}")
    return chosen


def signals_to_list(fingerprint: Fingerprint, types: Sequence[str], settings: HashingSettings) -> SignalsToList:
    """The signals of `types` that are fit to be listed.

    All distinct frames of an animation are listed. Only the image as it is stored and its smaller copies are listed:
    a signal of another view (turned, cropped) could be that of an unrelated picture.
    """
    chosen: list[Signal] = []
    notes: list[str] = []
    for signal_type in types:
        usable = candidates(fingerprint, signal_type)
        fit = [signal for signal in usable if _is_fit(signal, settings.min_quality)]
        chosen += fit
        if not fit:
            why = _why_missing(fingerprint, signal_type, usable, settings.signals)
            notes.append(f"{signal_type} was left out: {why}")
    return SignalsToList(chosen, notes)


def _with_quality(parsed: Signal, quality: int | None) -> Signal:
    return replace(parsed, quality=quality) if parsed.type in TYPES_WITH_QUALITY else parsed


def candidates(fingerprint: Fingerprint, signal_type: str) -> list[Signal]:
    """The signals of a type that listing the image can list, whether they are fit or not."""
    of_type = [each for each in fingerprint.signals if each.type == signal_type]
    if signal_type == COMPOSITE_TYPE:
        of_type = with_composites(fingerprint.signals)
    stored = [each for each in of_type if each.view in (View.STORED, View.SMALLER)]
    # A signal type installed by the operator may compute the shown view only.
    usable = stored or [each for each in of_type if each.view is View.SHOWN]
    return [replace(each, view=View.STORED, frame=0) for each in usable]


def _is_fit(signal: Signal, min_quality: int) -> bool:
    try:
        signals.validate(signal)
    except BadSignal:
        return False
    return signal.quality is None or signal.quality >= min_quality


def _why_missing(fingerprint: Fingerprint, signal_type: str, unfit: Sequence[Signal], computed: Sequence[str]) -> str:
    """Why no signal of the type is fit. `computed`: the setting hashing.signals."""
    if unfit:
        return "the image has too little detail: it would match others"
    missing = [part for part in component_types(signal_type) if part not in computed]
    if missing == [signal_type]:
        return "it is not in hashing.signals"
    if missing:
        return f"hashing.signals lacks {', '.join(missing)}"
    if fingerprint.flaw:
        return f"the image is {fingerprint.flaw.value}"
    if any(each.type in component_types(signal_type) and each.view is View.INNER for each in fingerprint.signals):
        return "the image has too little detail outside of its inner part"
    return "the image is too small for it"
