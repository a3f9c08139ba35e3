"""Reads documents that tests write."""

import io
import json

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.table import FORMATS


def read(name: str, document: object, categories: str = "") -> list[Row]:
    """The rows of a document in a format: bytes as they are, text as UTF-8, all else as JSON."""
    body = document if isinstance(document, bytes) else text(document).encode()
    options = ReadOptions(categories=frozenset(categories.split(",")) if categories else frozenset())
    return list(FORMATS[name].rows(io.BytesIO(body), options))


def text(document: object) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def hashes(rows: list[Row]) -> list[tuple[object, object]]:
    """The types and values of the hashes that are listed."""
    return [(row.type, row.value) for row in rows if isinstance(row, HashRow) and not row.withdrawn]


def left_out(rows: list[Row]) -> list[str]:
    return [row.what for row in rows if isinstance(row, LeftOut)]


def bad(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.number, row.why) for row in rows if isinstance(row, BadRow)]
