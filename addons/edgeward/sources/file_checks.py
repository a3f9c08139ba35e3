"""The checksum and the signature of a file.

Signatures are those of minisign (https://jedisct1.github.io/minisign/#signature-format): Ed25519 over the BLAKE2b-512
of the file ("ED"), and over the signature with its trusted comment. The older kind over the file itself ("Ed") needs
all of it in memory, and is read up to MAX_UNHASHED_BYTES.
"""

import base64
import hashlib
import re
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edgeward.sources.source_failure import SourceFailed

MAX_CHECK_BYTES = 1024 * 1024
"""Of a file with checksums, or with a signature."""
MAX_UNHASHED_BYTES = 64 * 1024 * 1024
_PART_BYTES = 1024 * 1024
_TRUSTED = b"trusted comment: "
_SHA256 = re.compile(r"\\?([0-9a-fA-F]{64})(?:[ \t]+[*]?(.+))?")


def sha256_of(file: BinaryIO) -> str:
    """In hexadecimal. The file is at its beginning, and is again afterwards."""
    digest = hashlib.sha256()
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def check_sha256(digest: str, text: bytes, name: str) -> None:
    """Compare with the output of sha256sum.

    Args:
        digest: of the file.
        text: one digest, or lines of sha256sum: then the one of the file's name counts.
        name: of the file, without directories.

    Raises:
        SourceFailed: it is another one, or there is none.
    """
    found = (_SHA256.fullmatch(line.strip()) for line in text.decode("utf-8", "replace").splitlines())
    lines = [each for each in found if each]
    named = [each for each in lines if each[2] and each[2].rpartition("/")[2] == name]
    if not lines or (len(lines) > 1 and not named):
        raise SourceFailed(f"the checksum file has no SHA-256 of {name!r}")
    if digest not in [each[1].lower() for each in named or lines]:
        raise SourceFailed("the file is damaged: its SHA-256 is not that of the checksum file")


def check_signature(file: BinaryIO, signature: bytes, public_key: str) -> None:
    """Check a signature of minisign. The file is at its beginning, and is again afterwards.

    Args:
        signature: the content of a .minisig file.
        public_key: the second line of minisign.pub.

    Raises:
        SourceFailed: it is by another key, or does not fit; the message says which.
    """
    key = base64.b64decode(public_key)
    lines = signature.splitlines()
    try:
        packed, comment, last = base64.b64decode(lines[1]), lines[2], base64.b64decode(lines[3])
    except (ValueError, IndexError):
        packed, comment, last = b"", b"", b""
    kind, key_id, signed = packed[:2], packed[2:10], packed[10:]
    if kind not in (b"ED", b"Ed") or len(signed) != 64 or not comment.startswith(_TRUSTED):
        raise SourceFailed("the signature is none of minisign")
    if key_id != key[2:10]:
        raise SourceFailed("the file is signed with another key than public_key")
    verifier = Ed25519PublicKey.from_public_bytes(key[10:])
    try:
        verifier.verify(signed, _message(file, kind))
        verifier.verify(last, signed + comment.removeprefix(_TRUSTED))
    except InvalidSignature:
        raise SourceFailed("the signature does not fit the file") from None


def _message(file: BinaryIO, kind: bytes) -> bytes:
    """What is signed."""
    if kind == b"ED":
        digest = hashlib.blake2b(digest_size=64)
        while part := file.read(_PART_BYTES):
            digest.update(part)
        file.seek(0)
        return digest.digest()
    content = file.read(MAX_UNHASHED_BYTES + 1)
    file.seek(0)
    if len(content) > MAX_UNHASHED_BYTES:
        raise SourceFailed("the file is too large for a signature of this kind: sign it with minisign -H")
    return content
