"""Tech Against Terrorism's hash list: an array of records, or pages with them under `results`.

Its records are of all kinds of files. Those of images are read.
"""

from collections.abc import Iterator
from typing import BinaryIO

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.fields import hash_of, is_image, kind_of, tags_of, text_of, truth_of
from edgeward.lists.formats.json_records import Record, json_records, keys_in
from edgeward.lists.formats.type_names import common_type_named

_FIELDS = frozenset({"id", "hash_digest", "algorithm", "ideology", "file_type", "deleted"})
_ARRAYS = frozenset({"results"})


def looks_like(head: bytes) -> bool:
    return {"hash_digest", "algorithm"} <= keys_in(head)


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The hashes, by record. Raises UserError if the JSON can't be read on."""
    for record in json_records(stream, _FIELDS, _ARRAYS):
        yield record if isinstance(record, BadRow) else _row(record)


def _row(record: Record) -> Row:
    number, fields = record.number, record.fields
    if "hash_digest" not in fields:
        return record.lacks("hash_digest", "results")
    algorithm, file_type = text_of(fields.get("algorithm")), text_of(fields.get("file_type"))
    signal_type = common_type_named(algorithm)
    if not is_image(file_type):
        return LeftOut(number, f"{kind_of(algorithm)} of a file of type {kind_of(file_type)}")
    if signal_type is None:
        return LeftOut(number, kind_of(algorithm))
    try:
        withdrawn = truth_of(fields.get("deleted"))
    except ValueError as error:
        return BadRow(number, f"deleted is {error}")
    source_id, tags = text_of(fields.get("id")), tags_of([fields.get("ideology")])
    return HashRow(
        number, hash_of(fields["hash_digest"]), signal_type, source_id=source_id, tags=tags, withdrawn=withdrawn
    )
