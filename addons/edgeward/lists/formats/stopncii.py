"""StopNCII.org's FetchHashes JSON: pages, arrays of pages, or arrays of their records. Image hashes are PDQ.

A record stands for one hash. A later record of the same hash replaces it; Withdrawn and Deleted take it back.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.fields import hash_of, kind_of, tags_of, text_of
from edgeward.lists.formats.json_records import Record, json_records, keys_in

_FIELDS = frozenset({"signaltype", "hashvalue", "hashstatus", "casenumbers", "cspfeedbacks"})
_ARRAYS = frozenset({"hashrecords"})
_LISTED = frozenset({"", "received", "active"})
_TAKEN_BACK = frozenset({"withdrawn", "deleted"})


def looks_like(head: bytes) -> bool:
    keys = keys_in(head)
    return "hashrecords" in keys or {"signaltype", "hashvalue"} <= keys


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The hashes, by record. Raises UserError if the JSON can't be read on."""
    for record in json_records(stream, _FIELDS, _ARRAYS):
        yield record if isinstance(record, BadRow) else _row(record)


def _row(record: Record) -> Row:
    number, fields = record.number, record.fields
    if "hashvalue" not in fields:
        return record.lacks("hashValue", "hashRecords")
    kind, status = text_of(fields.get("signaltype")), text_of(fields.get("hashstatus")).lower()
    if kind.lower() != "imagepdq":
        return LeftOut(number, kind_of(kind))
    if status not in _LISTED | _TAKEN_BACK:
        return LeftOut(number, f"hash of status {kind_of(fields['hashstatus'])}")
    cases = _case_numbers(fields.get("casenumbers"))
    tags = tags_of([*cases[1:], *_feedback(fields.get("cspfeedbacks"))])
    source_id = cases[0] if cases else ""
    return HashRow(
        number, hash_of(fields["hashvalue"]), "pdq", source_id=source_id, tags=tags, withdrawn=status in _TAKEN_BACK
    )


def _case_numbers(value: Any) -> list[str]:
    """The keys of the object of cases. The programme also sends an empty array."""
    return [text for key in value if (text := text_of(key))] if isinstance(value, dict | list) else []


def _feedback(value: Any) -> Iterator[str]:
    """What other members say of the hash: "NAME: Blocked", and their tags."""
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            who, what = text_of(each.get("source")), text_of(each.get("feedbackValue"))
            yield f"{who}: {what}" if who and what else who or what
            yield from each["tags"] if isinstance(each.get("tags"), list) else ()
