"""Access tokens of a Google service account: a signed JWT is exchanged for one (RFC 7523, section 2.1; RS256 of RFC
7518, section 3.3; developers.google.com/identity/protocols/oauth2/service-account)."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from edgeward.caches.cdn_client import CdnClient, CdnResponse
from edgeward.errors import CacheUnavailable, ConfigError

SCOPE = "https://www.googleapis.com/auth/compute"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 3600
EARLY_RENEWAL_SECONDS = 60
"""A token is replaced this long before it expires: a call takes time, and clocks differ."""
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The parts of a service account's JSON key that are needed here."""

    email: str
    key_id: str
    token_url: str
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the JSON key file. Raises ConfigError, which quotes nothing of the file."""
        try:
            data = json.loads(text)
            key = serialization.load_pem_private_key(data["private_key"].encode(), None)
            account = cls(data["client_email"], data.get("private_key_id", ""), data["token_uri"], key)  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError("credentials: not the JSON key of a service account") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigError("credentials: its private key is not an RSA key")
        parts = urlsplit(account.token_url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError("credentials: its token_uri is not https://")
        return account

    def assertion(self, now: float) -> str:
        """The signed JWT that is exchanged for an access token."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self.key_id}
        times = {"iat": int(now), "exp": int(now) + LIFETIME_SECONDS}
        claims = {"iss": self.email, "scope": SCOPE, "aud": self.token_url, **times}
        signed = f"{_jwt_part(header)}.{_jwt_part(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


class AccessTokens:
    """The account's access token, renewed before it expires."""

    def __init__(self, account: ServiceAccount, timeout: float) -> None:
        self._account = account
        parts = urlsplit(account.token_url)
        self._path = parts.path or "/"
        self._api = CdnClient(f"{parts.scheme}://{parts.netloc}", timeout)
        self._token, self._valid_until = "", 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str | CdnResponse:
        """An access token, or the response that refuses one. Raises CacheUnavailable when the token server is down."""
        async with self._lock:
            if time.time() < self._valid_until:
                return self._token
            response = await self._request_token()
            token, lifetime = response.fields.get("access_token"), response.fields.get("expires_in", LIFETIME_SECONDS)
            if response.status != 200 or not isinstance(token, str) or not isinstance(lifetime, int):
                return response
            self._token, self._valid_until = token, time.time() + lifetime - EARLY_RENEWAL_SECONDS
            return token

    def forget(self) -> None:
        """Request a new token next time: this one was not accepted."""
        self._valid_until = 0.0

    async def _request_token(self) -> CdnResponse:
        form = urlencode({"grant_type": GRANT, "assertion": self._account.assertion(time.time())}).encode()
        response = await self._api.ask("POST", self._path, {"Content-Type": "application/x-www-form-urlencoded"}, form)
        if response.status == 429 or response.status >= 500:
            raise CacheUnavailable(f"no access token: status {response.status}", response.status, response.retry_after)
        return response

    async def close(self) -> None:
        await self._api.close()


def _jwt_part(data: object) -> str:
    return _base64(json.dumps(data, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
