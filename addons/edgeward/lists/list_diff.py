"""Which entries a list has at one version and not at another, read from the changes between them."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from edgeward.background.stream_archive import Item, StreamArchive
from edgeward.errors import UserError
from edgeward.lists.stored_lists import parse_version, read_entry
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal, entry_id
from edgeward.types.later_releases import DECODE_ERRORS

CHANGES_PER_READ = 500
MAX_CHANGED = 500_000
"""Entries that may have changed in between: about 150 bytes for each."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that is at the later version only (`is_added`), or at the earlier one only. `version`: of its change."""

    entry: Entry
    is_added: bool
    version: int


@dataclass(slots=True)
class _Changed:
    """Whether an entry is on the list before its first change, and after its last one."""

    was: bool
    is_: bool
    version: int


async def differences(store: Store, list_name: str, first: int, last: int) -> AsyncGenerator[list[Difference]]:
    """What differs between two versions of a list, some at a time, in the order of the changes. An entry that was
    added and removed in between is none.

    Args:
        first, last: versions of the lists, of which `last` is not the earlier one.

    Raises:
        UserError: changes in between are not kept any more, the list was deleted in between, or more than MAX_CHANGED
            entries changed.
    """
    archive = StreamArchive(store, store.key("{blocklist}", "changes"))
    changed: dict[str, _Changed] = {}
    async for items in _between(archive, first, last):
        for id_, fields in items:
            _note(changed, list_name, parse_version(id_), fields)
        if len(changed) > MAX_CHANGED:
            raise UserError(f"more than {MAX_CHANGED} entries changed: give versions that are nearer to each other")
    differing = {each.version for each in changed.values() if each.was != each.is_}
    async for items in _between(archive, first, last):
        found = []
        for id_, fields in items:
            if (version := parse_version(id_)) in differing:
                entry = read_entry(list_name, fields[b"entry"])
                if isinstance(entry, Entry):
                    found.append(Difference(entry, fields[b"op"] != b"entry.remove", version))
        if found:
            yield found


async def _between(archive: StreamArchive, first: int, last: int) -> AsyncGenerator[list[Item]]:
    """The changes after version `first` up to `last`."""
    at = first
    while at < last:
        found = await archive.after(f"{at}-0", CHANGES_PER_READ)
        if not found or parse_version(found[0][0]) != at + 1:
            begin = f"begin at version {parse_version(found[0][0])}" if found else f"end at version {at}"
            raise UserError(f"the changes that are kept {begin}: give versions from there on")
        at = parse_version(found[-1][0])
        yield [item for item in found if parse_version(item[0]) <= last]


def _note(changed: dict[str, _Changed], list_name: str, version: int, fields: Mapping[bytes, bytes]) -> None:
    op, entry = fields.get(b"op", b""), fields.get(b"entry", b"")
    if op == b"list.delete" and _name(fields.get(b"list", b"")) == list_name:
        raise UserError(f"the list {list_name!r} was deleted in between, at version {version}: give versions after it")
    if f'"{list_name}"'.encode() not in entry or not (id_ := _id_on(list_name, entry)):
        return
    # What is listed again was there, and so was what is removed, or becomes another act's.
    was = op != b"entry.add" or b"again" in fields
    known = changed.setdefault(id_, _Changed(was, was, version))
    known.is_, known.version = op != b"entry.remove", version


def _id_on(list_name: str, entry: bytes) -> str:
    """The id of an entry as stored; "" if it is of another list, or damaged."""
    try:
        data = json.loads(entry)
        signal = Signal(data["signal"]["type"], data["signal"]["value"])
        return entry_id(list_name, signal) if data["list"] == list_name else ""
    except DECODE_ERRORS:
        return ""


def _name(of_list: bytes) -> str:
    try:
        return str(json.loads(of_list)["name"])
    except DECODE_ERRORS:
        return ""
