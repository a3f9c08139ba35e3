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

from edgeward.errors import CacheUnavailable, ConfigError
from edgeward.takedown.caches.api import Api, Reply

SCOPE = "https://www.googleapis.com/auth/compute"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE_SECONDS = 3600
SPARE_SECONDS = 60
"""A token is not used in the last of its life: the call takes time, and clocks differ."""
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What of its JSON key matters here."""

    email: str
    key_id: str
    token_url: str
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the JSON key file. Raises ConfigError, without a word of what is in it."""
        try:
            data = json.loads(text)
            key = serialization.load_pem_private_key(data["private_key"].encode(), None)
            account = cls(data["client_email"], data.get("private_key_id", ""), data["token_uri"], key)  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError("credentials: not the JSON key of a service account") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigError("credentials: its private key is no RSA key")
        parts = urlsplit(account.token_url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError("credentials: its token_uri is not https://")
        return account

    def assertion(self, now: float) -> str:
        """The JWT that asks for a token."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self.key_id}
        times = {"iat": int(now), "exp": int(now) + LIFE_SECONDS}
        claims = {"iss": self.email, "scope": SCOPE, "aud": self.token_url, **times}
        signed = f"{_part(header)}.{_part(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


class Tokens:
    """The account's access token, renewed before it ends."""

    def __init__(self, account: ServiceAccount, timeout: float) -> None:
        self._account = account
        parts = urlsplit(account.token_url)
        self._path = parts.path or "/"
        self._api = Api(f"{parts.scheme}://{parts.netloc}", timeout)
        self._token, self._until = "", 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str | Reply:
        """An access token, or the answer that refuses one. Raises CacheUnavailable when none can be had now."""
        async with self._asking:
            if time.time() < self._until:
                return self._token
            reply = await self._ask()
            token, life = reply.fields.get("access_token"), reply.fields.get("expires_in", LIFE_SECONDS)
            if reply.status != 200 or not isinstance(token, str) or not isinstance(life, int):
                return reply
            self._token, self._until = token, time.time() + life - SPARE_SECONDS
            return token

    def forget(self) -> None:
        """It was not accepted: ask for another."""
        self._until = 0.0

    async def _ask(self) -> Reply:
        form = urlencode({"grant_type": GRANT, "assertion": self._account.assertion(time.time())}).encode()
        reply = await self._api.ask("POST", self._path, {"Content-Type": "application/x-www-form-urlencoded"}, form)
        if reply.status == 429 or reply.status >= 500:
            raise CacheUnavailable(f"no access token: status {reply.status}", reply.status, reply.retry_after)
        return reply

    async def close(self) -> None:
        await self._api.close()


def _part(data: object) -> str:
    return _base64(json.dumps(data, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
