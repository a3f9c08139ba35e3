"""Output of md5sum and its relatives."""

import hashlib
import io
import subprocess
from pathlib import Path

import pytest
from tests.support.programs import require

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.checksums import looks_like, rows

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
SHA1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
SHA256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_the_length_tells_the_type() -> None:
    """Text and binary files, escaped names, comments and empty lines; the name goes nowhere."""
    text = f"# made by hand\n{MD5}  a name.jpg\n{SHA1} *b\n\n\\{SHA256}  c\\nd\n{SHA256 * 2}  e\n{SHA256 * 9}  f\n"
    assert read(text) == [
        HashRow(2, MD5, "md5"),
        HashRow(3, SHA1, "sha1"),
        HashRow(5, SHA256, "sha256"),
        LeftOut(6, "a digest of 128 digits"),
        LeftOut(7, "a longer digest"),
    ]


def test_lines_with_a_tag() -> None:
    """As BSD and openssl print them; names may hold brackets. Other digests are left out."""
    text = f"MD5 (a (1).jpg) = {MD5}\nSHA256 (b) = {SHA256}\nSHA2-256(c)= {SHA256}\nSHA1(d)= {SHA1}\n"
    assert read(text + f"SHA512 (e) = {SHA256 * 2}\nNONSENSE (f) = 12\n") == [
        HashRow(1, MD5, "md5"),
        HashRow(2, SHA256, "sha256"),
        HashRow(3, SHA256, "sha256"),
        HashRow(4, SHA1, "sha1"),
        LeftOut(5, "a digest of 128 digits"),
        BadRow(6, "neither HASH, two spaces and a name, nor TYPE (NAME) = HASH"),
    ]


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_what_the_programs_print(name: str, tmp_path: Path) -> None:
    """The real output is recognised and read, in each of its forms, with odd names."""
    program = require(f"{name}sum")
    files = [tmp_path / "a b.jpg", tmp_path / "line\nend", tmp_path / "(x) = 12"]
    for number, file in enumerate(files):
        file.write_text(f"content {number}")
    digests = [hashlib.new(name, file.read_bytes()).hexdigest() for file in files]
    for options in ([], ["--binary"], ["--tag"]):
        printed = subprocess.run([program, *options, *files], capture_output=True, check=True).stdout
        assert looks_like(printed)
        assert [*rows(io.BytesIO(printed), ReadOptions())] == [
            HashRow(number, digest, name) for number, digest in enumerate(digests, 1)
        ]


@pytest.mark.parametrize("text", ["", MD5, f"md5:{MD5}", f"md5 {MD5}", f"{MD5}  quality 90", f"{MD5},a", "Dear  Sir\n"])
def test_other_text_is_not(text: str) -> None:
    """Plain text, also as `edgeward hash` prints it, has no names."""
    assert not looks_like(text.encode())
