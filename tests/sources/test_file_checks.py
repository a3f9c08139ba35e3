"""The checksum and the signature of a file."""

import io

import pytest
from tests.sources.minisign import Minisign

from edgeward.sources import file_checks
from edgeward.sources.file_checks import check_sha256, check_signature, sha256_of
from edgeward.sources.source_failure import SourceFailed

CONTENT = b"md5:9e107d9d372bb6826bd81d3542a419d6\n"
DIGEST = sha256_of(io.BytesIO(CONTENT))


def test_the_checksum_of_the_file() -> None:
    """One digest alone, a line of sha256sum, or the line of the file among others; also in capitals."""
    others = f"{'0' * 64}  other.txt\n{DIGEST.upper()}  list.txt\n"
    for text in (DIGEST, f"{DIGEST}  list.txt", f"{DIGEST} *./list.txt", others):
        check_sha256(DIGEST, text.encode(), "list.txt")


def test_a_wrong_checksum() -> None:
    """Another digest, none, and those of other files alone are said."""
    with pytest.raises(SourceFailed, match="the file is damaged"):
        check_sha256(DIGEST, b"0" * 64, "list.txt")
    with pytest.raises(SourceFailed, match=r"no SHA-256 of 'list.txt'"):
        check_sha256(DIGEST, b"<html>not found</html>", "list.txt")
    with pytest.raises(SourceFailed, match=r"no SHA-256 of 'list.txt'"):
        check_sha256(DIGEST, f"{DIGEST}  a\n{DIGEST}  b\n".encode(), "list.txt")


def test_signatures_of_minisign() -> None:
    """Both kinds are checked, and the file is at its beginning afterwards."""
    key = Minisign()
    for hashed in (True, False):
        file = io.BytesIO(CONTENT)
        check_signature(file, key.sign(CONTENT, hashed), key.public_key)
        assert file.tell() == 0


def test_forged_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file, another key, a changed comment, and what is no signature are told apart."""
    key, other = Minisign(), Minisign(b"other id")
    good = key.sign(CONTENT)
    for signature, why in (
        (key.sign(b"another"), "does not fit"),
        (other.sign(CONTENT), "another key"),
        (Minisign().sign(CONTENT), "does not fit"),
        (good.replace(b"of today", b"of tomorrow"), "does not fit"),
        (b"", "none of minisign"),
        (b"a\n!\nb\nc\n", "none of minisign"),
        (good.replace(b"trusted comment: of", b"comment: of"), "none of minisign"),
    ):
        with pytest.raises(SourceFailed, match=why):
            check_signature(io.BytesIO(CONTENT), signature, key.public_key)
    monkeypatch.setattr(file_checks, "MAX_UNHASHED_BYTES", 3)
    with pytest.raises(SourceFailed, match="too large for a signature of this kind"):
        check_signature(io.BytesIO(CONTENT), key.sign(CONTENT, hashed=False), key.public_key)
