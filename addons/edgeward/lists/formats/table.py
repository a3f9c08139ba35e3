"""All formats of files that can be read."""

from collections.abc import Mapping

from edgeward.lists.formats import FileFormat, checksums, clamav, csv, hashdeep, jsonl, pdq_tools, text

_IN_ORDER = (
    FileFormat("hashdeep", "output of hashdeep", "line", hashdeep.looks_like, hashdeep.rows),
    FileFormat("jsonl", "JSON lines", "line", jsonl.looks_like, jsonl.rows),
    FileFormat("clamav", "signatures of ClamAV", "line", clamav.looks_like, clamav.rows),
    FileFormat("pdq", "output of the PDQ tools", "line", pdq_tools.looks_like, pdq_tools.rows),
    FileFormat("checksums", "output of md5sum, sha1sum or sha256sum", "line", checksums.looks_like, checksums.rows),
    FileFormat("csv", "CSV", "line", csv.looks_like, csv.rows, csv.describe),
    FileFormat("text", "plain text with a hash in each line", "line", text.looks_like, text.rows),
)
"""The most specific first: that is the order in which a file is recognised."""

FORMATS: Mapping[str, FileFormat] = {each.name: each for each in _IN_ORDER}


def recognize(head: bytes) -> FileFormat | None:
    """The format of a file that begins with these bytes (UTF-8, no byte order mark), or None."""
    return next((each for each in _IN_ORDER if each.looks_like(head)), None)
