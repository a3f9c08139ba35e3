"""What a file looks like that has none of the formats that can be read, for the error about it."""

import re

from edgeward.hashing import media_types
from edgeward.quantities import excerpt, listed

BINARY = (
    (b"%PDF-", "a PDF document"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip file"),
    (b"\xfd7zXZ\x00", "an xz file: decompress it first"),
    *((b"BZh%d1AY&SY" % level, "a bzip2 file: decompress it first") for level in range(1, 10)),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file: take the file of hashes out of it first"),
    (b"Rar!\x1a\x07", "a RAR file: take the file of hashes out of it first"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office: save it as CSV first"),
    (b"\x7fELF", "a program"),
    (b"ClamAV-VDB:", "a database of ClamAV: unpack it with sigtool first"),
)
KEYS_NAMED = 5
KEY_CHARACTERS = 40

_TAR_MAGIC = slice(257, 262)
_LISTING = re.compile(r"(?:total \d+|[-dl](?:[r-][w-][xsStT-]){3}[.+@]?\s.*| Volume in drive .*| Directory of .*)")
_HTML = re.compile(r"\s*+(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_KEY = re.compile(r'"([^"\\]{1,200})"\s*:')
_CONTROL_SHARE = 0.02


def binary_kind(head: bytes) -> str:
    """What a file is that begins with these bytes, if it is no text; "" if it may be text."""
    if media_type := media_types.sniff(head):
        return f"a picture ({media_type})"
    for magic, what in BINARY:
        if head.startswith(magic):
            return what
    if head[_TAR_MAGIC] == b"ustar":
        return "a tar archive: take the file of hashes out of it first"
    if len(head) > 8 and any(not any(head[odd:200:2]) for odd in (0, 1)):
        return "text in UTF-16 without a byte order mark: save it as UTF-8"
    strange = sum(byte < 32 and byte not in b"\t\n\f\r\x1a" for byte in head[:4096])
    return "binary data" if strange > _CONTROL_SHARE * len(head[:4096]) else ""


def text_kind(head: bytes) -> str:
    """What a text is that begins with these bytes and has no known format."""
    text = head[:4096].decode("utf-8", "replace")
    begin = text.lstrip()
    if not begin:
        return "an empty file"
    if _HTML.match(text):
        return "an HTML page"
    if begin.startswith("<"):
        root = _ROOT.search(begin)
        return f"an XML document{f' of <{excerpt(root[1], KEY_CHARACTERS)}>' if root else ''}"
    if begin[0] in "{[":
        keys = dict.fromkeys(excerpt(key, KEY_CHARACTERS) for key in _KEY.findall(text))
        return f"a JSON document{f' with the keys {listed(keys, KEYS_NAMED)}' if keys else ''}"
    if any(_LISTING.fullmatch(line) for line in text.splitlines()[:5]):
        return "the listing of a directory"
    return "text without a line that holds a hash"
