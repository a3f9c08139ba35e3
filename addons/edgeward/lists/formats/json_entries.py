"""Entries as a JSON array, or as an object with the array under `entries`: objects with the keys of JSON lines."""

from collections.abc import Iterator
from typing import BinaryIO

from edgeward.lists.formats import BadRow, ReadOptions, Row
from edgeward.lists.formats.json_records import KEY_CHARACTERS, json_records, keys_in
from edgeward.lists.formats.jsonl import KEYS, row_of
from edgeward.quantities import excerpt


def looks_like(head: bytes) -> bool:
    """An object with `entries`, or an array with values in it."""
    keys = keys_in(head)
    return "value" in keys and ("entries" in keys or head.lstrip().startswith(b"["))


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The entries, by record. Raises UserError if the JSON can't be read on."""
    for record in json_records(stream, KEYS, frozenset({"entries"})):
        if isinstance(record, BadRow):
            yield record
        elif "value" not in record.fields and not record.fields.get("withdrawn"):
            yield record.lacks("value")
        elif record.other_keys:
            yield BadRow(record.number, f"unknown key {excerpt(record.other_keys[0], KEY_CHARACTERS)}")
        else:
            yield row_of(record.number, record.fields)
