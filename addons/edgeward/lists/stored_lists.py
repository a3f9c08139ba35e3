"""Lists, entries and changes as the store has them. Each is read by itself: one that this release can't read stops no
other. It is counted, and is returned as Unreadable."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from edgeward import metrics
from edgeward.errors import LaterRelease
from edgeward.types import Batch, Change, Entry, HashList, RowRef, Signal, Unreadable
from edgeward.types.later_releases import DECODE_ERRORS, check_version

_OPERATIONS = frozenset(
    {"list.set", "list.delete", "list.batch_add", "list.batch_undo", "entry.add", "entry.set", "entry.remove"}
)
_REMOVALS = frozenset({"list.delete", "entry.remove"})
_OF_LISTS = ("list.", "entry.")
"""All others are lines of the audit trail alone."""


def read_list(name: str, text: bytes) -> HashList | Unreadable:
    """The list of this name."""
    try:
        return HashList.from_json(text)
    except DECODE_ERRORS as error:
        return _unreadable("list", name, text, error)


def read_entry(list_name: str, text: bytes) -> Entry | Unreadable:
    """An entry of the list of this name."""
    try:
        return Entry.from_json(text)
    except DECODE_ERRORS as error:
        return _unreadable("entry", list_name, text, error)


def read_batch(list_name: str, text: bytes) -> Batch | Unreadable:
    """A batch of the list of this name: "VERSION UNDONE JSON" (batches/batch_store.py)."""
    version, _, rest = text.partition(b" ")
    undone, _, json_text = rest.partition(b" ")
    try:
        return Batch.from_json(json_text, int(version), int(undone))
    except DECODE_ERRORS as error:
        return _unreadable("batch", list_name, text, error)


def parse_changes(records: Any) -> list[Change]:
    """The changes in records of the stream, as XRANGE and XREAD return them: pairs of id and fields. None gives []."""
    return [_parse_change(id_, fields) for id_, fields in records or ()]


def parse_version(item_id: bytes) -> int:
    """The version of the change with this id in the stream."""
    return int(item_id.partition(b"-")[0])


def _parse_change(id_: bytes, fields: Mapping[bytes, bytes]) -> Change:
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    op, json_of_list, json_of_entry = text.get("op", ""), fields.get(b"list"), fields.get(b"entry")
    hash_list: HashList | Unreadable | None = None
    entry: Entry | Unreadable | None = None
    batch: Batch | Unreadable | None = None
    unreadable: Unreadable | None = None
    if "batch" in text:
        batch = read_batch(_list_name(fields[b"batch"], "list"), b"%d 0 %s" % (parse_version(id_), fields[b"batch"]))
    if json_of_list is not None:
        hash_list = read_list(_list_name(json_of_list, "name"), json_of_list)
    if json_of_entry is not None:
        entry = read_entry(_list_name(json_of_entry, "list"), json_of_entry)
    for each in (hash_list, entry, batch):
        if isinstance(each, Unreadable):
            unreadable = each
    if unreadable is None and op.startswith(_OF_LISTS):
        unreadable = _new_kind_of_change(op, text, _name_in(hash_list, entry, batch))
    if unreadable is not None:
        hash_list, entry = _what_is_removed(op, json_of_list, json_of_entry)
    return Change(
        version=parse_version(id_),
        op=op,
        who=text.get("who", ""),
        at=float(text["at"]),
        why=text.get("why", ""),
        list=hash_list if isinstance(hash_list, HashList) else None,
        entry=entry if isinstance(entry, Entry) else None,
        origin=text.get("from", ""),
        unreadable=unreadable,
        batch=batch if isinstance(batch, Batch) else None,
        row=_row(text.get("row", "")),
    )


def _row(text: str) -> RowRef | None:
    try:
        return RowRef.parse(text) if text else None
    except ValueError:
        return None


def _name_in(*objects: HashList | Entry | Batch | Unreadable | None) -> str:
    """The name of the list that one of them is, or is on; "" if none of them tells."""
    for each in objects:
        if isinstance(each, HashList):
            return each.name
        if isinstance(each, Entry | Batch):
            return each.list
    return ""


def _new_kind_of_change(op: str, text: Mapping[str, str], name: str) -> Unreadable | None:
    """A change of the lists that only a later release can make, or that is damaged."""
    try:
        check_version({"needs": int(text["needs"])} if "needs" in text else {}, "a change")
        if op not in _OPERATIONS:
            raise LaterRelease(f"{op} is a change that only a later release knows")
        if not name:
            raise KeyError("list")
    except DECODE_ERRORS as error:
        return _unreadable("change", name, json.dumps(dict(text), sort_keys=True).encode(), error)
    return None


def _what_is_removed(
    op: str, json_of_list: bytes | None, json_of_entry: bytes | None
) -> tuple[HashList | None, Entry | None]:
    """To remove a list its name is enough."""
    if op not in _REMOVALS:
        return None, None
    if json_of_entry is not None:
        return None, removed_entry(json_of_entry)
    name = _list_name(json_of_list or b"", "name")
    return HashList(name) if name else None, None


def removed_entry(text: bytes) -> Entry | None:
    """The list and the signal of an entry that can't be read: they are enough to remove it. None: not even they can."""
    try:
        data = json.loads(text)
        return Entry(str(data["list"]), Signal(str(data["signal"]["type"]), str(data["signal"]["value"])))
    except DECODE_ERRORS:
        return None


def _list_name(text: bytes, field: str) -> str:
    try:
        return str(json.loads(text)[field])
    except DECODE_ERRORS:
        return ""


def _unreadable(kind: str, list_name: str, text: bytes, error: Exception) -> Unreadable:
    metrics.unreadable_records.labels(kind).inc()
    key = hashlib.blake2b(text, digest_size=16).digest()
    return Unreadable(list_name, key, isinstance(error, LaterRelease))
