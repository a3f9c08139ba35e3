"""Project VIC's hash sets and case files (VICS data model 1.x and 2.0, JSON), of any size.

A hash set has its media under `value`; a case file has cases there, each with its `Media`. What a category means
differs from country to country, so those to be listed are always named. 0, not categorized, is a category too.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.fields import hash_of, is_image, kind_of, tags_of, text_of
from edgeward.lists.formats.json_records import Record, json_records, keys_in
from edgeward.lists.formats.type_names import common_type_named

SAMPLED_MEDIA = 100_000
"""Media whose categories are counted for the message that asks for them."""
_CATEGORIES_NAMED = 20

_HASHES = ("md5", "sha1", "sha256", "photodna", "pdq")
_FIELDS = frozenset({*_HASHES, "mediaid", "category", "series", "tags", "mimetype", "alternativehashes"})
_ARRAYS = frozenset({"value", "media"})


def looks_like(head: bytes) -> bool:
    keys = keys_in(head)
    is_odata = bool({"@odata.context", "odata.metadata"} & keys) and b"ProjectVic" in head
    return is_odata or {"mediaid", "category"} <= keys


def rows(stream: BinaryIO, options: ReadOptions) -> Iterator[Row]:
    """The hashes of the media of the accepted categories, by medium.

    Raises:
        UserError: no categories are given, or the JSON can't be read on.
    """
    media = json_records(stream, _FIELDS, _ARRAYS)
    if not options.categories:
        raise UserError(_categories_in(media))
    accepted = frozenset(map(_category, options.categories))
    for medium in media:
        if isinstance(medium, BadRow):
            yield medium
        else:
            yield from _rows(medium, accepted)


def _rows(medium: Record, accepted: frozenset[str]) -> Iterator[Row]:
    number, fields = medium.number, medium.fields
    hashes = list(_hashes(fields))
    if not hashes and not {"mediaid", "category"} & fields.keys():
        yield medium.lacks("MD5", "SHA1", "PhotoDNA", "value", "Media")
        return
    category, media_type = _category(fields.get("category")), text_of(fields.get("mimetype"))
    if category not in accepted:
        yield LeftOut(number, f"medium of category {kind_of(category)}" if category else "medium without a category")
        return
    if not is_image(media_type):
        yield LeftOut(number, f"medium of type {kind_of(media_type)}")
        return
    if not hashes:
        yield LeftOut(number, "medium without a hash")
    labels = fields.get("tags")
    labels = labels.split(",") if isinstance(labels, str) else labels if isinstance(labels, list) else []
    tags = tags_of([f"category {category}", fields.get("series"), *labels])
    source_id = text_of(fields.get("mediaid"))
    for name, value in hashes:
        signal_type = common_type_named(name)
        if signal_type is None:
            yield LeftOut(number, kind_of(name))
        else:
            yield HashRow(number, value, signal_type, source_id=source_id, tags=tags)


def _hashes(fields: Any) -> Iterator[tuple[str, object]]:
    """The names and values of a medium's hashes, those among its alternative ones too, without empty ones."""
    yield from ((name, hash_of(fields[name])) for name in _HASHES if fields.get(name))
    more = fields.get("alternativehashes")
    for each in more if isinstance(more, list) else ():
        if isinstance(each, dict):
            members = {key.lower(): value for key, value in each.items()}
            if members.get("hashvalue"):
                yield text_of(members.get("hashname")), hash_of(members["hashvalue"])


def _category(value: object) -> str:
    text = text_of(value)
    return str(int(text)) if text.isdecimal() and len(text) < 10 else text


def _categories_in(media: Iterator[Record | BadRow]) -> str:
    found: Counter[str] = Counter()
    for number, medium in enumerate(media):
        if number == SAMPLED_MEDIA:
            break
        if not isinstance(medium, BadRow):
            found[kind_of(_category(medium.fields.get("category")) or "none")] += 1
    counts = ", ".join(f"{name} ({count:,})" for name, count in sorted(found.most_common(_CATEGORIES_NAMED)))
    return (
        "a Project VIC file needs the categories to list, since their meaning differs from country to country: "
        f"give them, such as --categories 1,2. The first {found.total():,} media are of category {counts or 'none'}"
    )
