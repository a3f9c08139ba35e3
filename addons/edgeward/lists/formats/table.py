"""All formats of files that can be read."""

from collections.abc import Mapping

from edgeward.lists.formats import FileFormat, csv, jsonl, text

_IN_ORDER = (
    FileFormat("jsonl", "JSON lines", "line", jsonl.looks_like, jsonl.rows),
    FileFormat("csv", "CSV", "line", csv.looks_like, csv.rows, csv.describe),
    FileFormat("text", "plain text with a hash in each line", "line", text.looks_like, text.rows),
)
"""The most specific first: that is the order in which a file is recognised."""

FORMATS: Mapping[str, FileFormat] = {each.name: each for each in _IN_ORDER}


def recognize(head: bytes) -> FileFormat | None:
    """The format of a file that begins with these bytes (UTF-8, no byte order mark), or None."""
    return next((each for each in _IN_ORDER if each.looks_like(head)), None)
