"""Signs as minisign does."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_ID = b"8 bytes."


class Minisign:
    """A new key. `public_key` is the second line of its minisign.pub."""

    def __init__(self, key_id: bytes = KEY_ID) -> None:
        self._key, self._id = Ed25519PrivateKey.generate(), key_id
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key = base64.b64encode(b"Ed" + key_id + public).decode()

    def sign(self, content: bytes, hashed: bool = True, comment: bytes = b"of today") -> bytes:
        """The content of a .minisig file."""
        message = hashlib.blake2b(content, digest_size=64).digest() if hashed else content
        signature = self._key.sign(message)
        packed = base64.b64encode((b"ED" if hashed else b"Ed") + self._id + signature)
        last = base64.b64encode(self._key.sign(signature + comment))
        return b"\n".join((b"untrusted comment: x", packed, b"trusted comment: " + comment, last, b""))
