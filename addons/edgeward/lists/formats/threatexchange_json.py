"""ThreatExchange's JSON: answers of /threat_updates and of /threat_descriptors, and arrays of their rows.

A row of /threat_updates is an indicator with what all members say of it; one that should be deleted, or of which nobody
says anything any more, is withdrawn. A row of /threat_descriptors is what one member says of an indicator.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.fields import hash_of, kind_of, reason_of, tags_of, text_of, truth_of
from edgeward.lists.formats.json_records import Record, json_records, keys_in
from edgeward.lists.formats.type_names import common_type_named

_FIELDS = frozenset(
    {"id", "indicator", "raw_indicator", "type", "should_delete", "descriptors", "owner", "status", "tags"}
    | {"description"}
)
_ARRAYS = frozenset({"data"})
_NOT_MALICIOUS = "NON_MALICIOUS"


def looks_like(head: bytes) -> bool:
    keys = keys_in(head)
    return "raw_indicator" in keys or ("indicator" in keys and bool({"should_delete", "descriptors"} & keys))


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The hashes, by row. Raises UserError if the JSON can't be read on."""
    for record in json_records(stream, _FIELDS, _ARRAYS):
        if isinstance(record, BadRow):
            yield record
        else:
            yield from _rows(record)


def _rows(record: Record) -> Iterator[Row]:
    number, fields = record.number, record.fields
    is_descriptor = "raw_indicator" in fields or ("indicator" in fields and "status" in fields)
    try:
        should_delete = truth_of(fields.get("should_delete"))
    except ValueError as error:
        yield BadRow(number, f"should_delete is {error}")
        return
    found = [fields] if is_descriptor else _elements(fields.get("descriptors"))
    descriptors = [each for each in found if isinstance(each, dict)]
    withdrawn = should_delete or not descriptors
    value, kind = _indicator(fields)
    source_id = text_of(fields.get("id"))
    if value is None:
        yield WithdrawnSource(number, source_id) if withdrawn and source_id else record.lacks("indicator")
        return
    signal_type = common_type_named(kind)
    if signal_type is None:
        yield LeftOut(number, kind_of(kind))
        return
    statuses = {text_of(each.get("status")).upper() for each in descriptors}
    if not withdrawn and statuses == {_NOT_MALICIOUS}:
        yield LeftOut(number, f"indicator of status {_NOT_MALICIOUS}")
        if is_descriptor:
            return
        # All members say so: whoever listed it before has to take it back.
        withdrawn = True
    reason = next(filter(None, (reason_of(each.get("description")) for each in descriptors)), "")
    tags = _tags(descriptors, statuses)
    yield HashRow(number, value, signal_type, reason=reason, source_id=source_id, tags=tags, withdrawn=withdrawn)


def _indicator(fields: Mapping[str, Any]) -> tuple[object, str]:
    """The hash, None if there is none, and its type. In a descriptor the indicator may be an object of both."""
    indicator: Any = fields.get("indicator")
    kind = fields.get("type")
    if isinstance(indicator, dict):
        indicator, kind = indicator.get("indicator"), kind or indicator.get("type")
    return hash_of(fields.get("raw_indicator") or indicator), text_of(kind)


def _elements(value: Any) -> list[Any]:
    """Those of an array, or of the array under "data"; none of anything else."""
    data = value.get("data") if isinstance(value, dict) else value
    return data if isinstance(data, list) else []


def _tags(descriptors: Sequence[Mapping[str, Any]], statuses: set[str]) -> tuple[str, ...]:
    """The labels, who gave them, and "disputed" if some say that it is not malicious."""
    found: list[object] = ["disputed"] if _NOT_MALICIOUS in statuses and len(statuses) > 1 else []
    for each in descriptors:
        found += [tag.get("text") if isinstance(tag, dict) else tag for tag in _elements(each.get("tags"))]
        owner: Any = each.get("owner")
        if isinstance(owner, dict) and (name := text_of(owner.get("id")) or text_of(owner.get("name"))):
            found.append(f"owner:{name}")
    return tags_of(found)
