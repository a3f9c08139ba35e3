"""What files look like that hold no hashes."""

import io
import tarfile

import pytest
from PIL import Image

from edgeward.lists.formats.unknown_files import binary_kind, text_kind


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8)).save(made, "PNG")
    return made.getvalue()


def tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return made.getvalue()


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (picture(), r"a picture (image/png)"),
        (tar(), "a tar archive: take the file of hashes out of it first"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"BZh91AY&SY", "a bzip2 file: decompress it first"),
        (b"\x7fELF\x02\x01", "a program"),
        ("md5:12\n".encode("utf-16-le"), "text in UTF-16 without a byte order mark: save it as UTF-8"),
        ("md5:12\n".encode("utf-16-be"), "text in UTF-16 without a byte order mark: save it as UTF-8"),
        (b"\0\1\2\3\4\5\6\7\1\1", "binary data"),
        (b"md5:12\0\n", "binary data"),
        (b"BZh91 is text", ""),
        (b"md5:12\r\n\t\x0c\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_binary_files(head: bytes, what: str) -> None:
    """Pictures, archives, documents and programs are named; text in any encoding of bytes is none."""
    assert binary_kind(head) == what


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b" \n", "an empty file"),
        (b"<!-- a --> <!DOCTYPE html><html>", "an HTML page"),
        (b'<?xml version="1.0"?><!-- c --><rss version="2">', "an XML document of <rss>"),
        (b'<?xml version="1.0"?>', "an XML document"),
        (b'{"a": [{"b": 1, "a": 2}], "c\x1b": ""}', r"a JSON document with the keys a, b, c\x1b"),
        (b"[1, 2]", "a JSON document"),
        (b"total 12\n-rw-r--r-- 1 a a 5 Jan 1 00:00 x\n", "the listing of a directory"),
        (b"drwxr-xr-x 2 a a 4096 Jan 1 00:00 x\n", "the listing of a directory"),
        (b"Dear Sir or Madam\n", "text without a line that holds a hash"),
    ],
)
def test_texts(head: bytes, what: str) -> None:
    """A known kind is named, with what tells it apart and nothing long."""
    assert text_kind(head) == what
    assert len(text_kind(b"<" + b"x" * 5000 + b">")) < 80
