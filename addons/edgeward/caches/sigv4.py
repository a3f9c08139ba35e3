"""AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str
    session_token: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    region: str


def signed_headers(
    credentials: Credentials, service: Service, method: str, url: str, body: bytes = b"", at: float | None = None
) -> dict[str, str]:
    """The headers that sign a request without a query; for temporary credentials X-Amz-Security-Token is among them."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() if at is None else at))
    parts = urlsplit(url)
    signed = {"host": parts.netloc, "x-amz-date": stamp}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    scope = f"{stamp[:8]}/{service.region}/{service.name}/aws4_request"
    canonical = _canonical_request(method, parts.path or "/", signed, body)
    string_to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(credentials, scope), string_to_sign.encode(), "sha256").hexdigest()
    authorization = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(signed)}, Signature={signature}"
    )
    # The HTTP client sets Host itself.
    del signed["host"]
    return {**signed, "authorization": authorization}


def _canonical_request(method: str, path: str, signed: dict[str, str], body: bytes) -> str:
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in signed.items())
    return f"{method}\n{quote(path, safe='/-_.~')}\n\n{lines}\n{';'.join(signed)}\n{hashlib.sha256(body).hexdigest()}"


def _signing_key(credentials: Credentials, scope: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
