"""The signature of Akamai's APIs, EG1-HMAC-SHA256 (techdocs.akamai.com/developer, "Authenticate with EdgeGrid")."""

import base64
import hashlib
import hmac
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Credentials:
    client_token: str
    client_secret: str
    access_token: str


def authorization(credentials: Credentials, url: str, body: bytes, at: float | None = None, nonce: str = "") -> str:
    """The Authorization header for a POST of `body` to `url`. Defaults: `at` is now, `nonce` a new UUID."""
    stamp = time.strftime("%Y%m%dT%H:%M:%S+0000", time.gmtime(time.time() if at is None else at))
    unsigned = (
        f"EG1-HMAC-SHA256 client_token={credentials.client_token};access_token={credentials.access_token};"
        f"timestamp={stamp};nonce={nonce or uuid.uuid4()};"
    )
    key = _hmac(credentials.client_secret.encode(), stamp)
    return f"{unsigned}signature={_hmac(key.encode(), _string_to_sign(url, body, unsigned))}"


def _string_to_sign(url: str, body: bytes, unsigned: str) -> str:
    """The string to sign: method, scheme, host, path and query, signed headers (none), body hash, the header so far."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode() if body else ""
    return "\t".join(("POST", parts.scheme, parts.netloc.lower(), path, "", digest, unsigned))


def _hmac(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
