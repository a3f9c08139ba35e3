"""Tokens and roles: who may ask for what.

A token is 32 random bytes; the store holds only its SHA-256, so that a copy of the store opens no door, and looking it
up takes no time that depends on the token. The local token is never stored: it lives as long as its process.
"""

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, Self

from edgeward.errors import Conflict, Forbidden, NotFound
from edgeward.store.connection import Store
from edgeward.types import Role

PREFIX = "ew_"
LOCAL = "local"
"""Name of the token that commands on the same machine use."""
ID_LENGTH = 16

_RANKS = {role: rank for rank, role in enumerate(Role)}

_CREATE = """
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
"""

_REVOKE = """
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[2])
"""


class Unauthenticated(Forbidden):
    """No token, or one that nobody knows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of the token, which is the `who` of what is changed with it."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raises Forbidden where `role` is greater than the caller's."""
        if _RANKS[self.role] < _RANKS[role]:
            raise Forbidden(f"this needs the role {role}; the token {self.name!r} has {self.role}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: never its text. `created_at` is Unix seconds."""

    id: str
    name: str
    role: Role
    created_at: float

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data: dict[str, Any] = json.loads(text)
        return cls(data["id"], data["name"], Role(data["role"]), data["created_at"])


class Tokens:
    """The tokens in the store, and the local one in memory."""

    def __init__(self, store: Store) -> None:
        self.local = new_token()
        self._local_digest = _digest(self.local)
        self._store = store
        self._records = store.key("{tokens}", "by-digest")
        self._names = store.key("{tokens}", "names")

    async def create(self, name: str, role: Role) -> tuple[Token, str]:
        """A new token: what is kept of it, and its text, which is never shown again.

        Raises:
            Conflict: the name is taken. Names differ, since they are the `who` of the audit trail.
        """
        text = new_token()
        digest = _digest(text)
        token = Token(digest[:ID_LENGTH], name, role, time.time())
        taken = Conflict(f"a token named {name!r} exists already")
        if name == LOCAL:
            raise taken
        if not await self._store.run_durably(_CREATE, [self._records, self._names], [name, digest, token.to_json()]):
            raise taken
        return token, text

    async def all(self) -> list[Token]:
        """Every stored token, oldest first."""
        records = await self._read()
        return sorted(records.values(), key=lambda token: token.created_at)

    async def revoke(self, token_id: str) -> Token:
        """Forget a token: from here on it opens nothing.

        Raises:
            NotFound: no token has this id.
        """
        for digest, token in (await self._read()).items():
            if token.id == token_id:
                await self._store.run_durably(_REVOKE, [self._records, self._names], [token.name, digest])
                return token
        raise NotFound(f"no token {token_id}")

    async def caller(self, authorization: str | None) -> Caller:
        """Who stands behind an Authorization header (RFC 6750, section 2.1).

        Raises:
            Unauthenticated: there is no token, or nobody knows it.
        """
        scheme, _, text = (authorization or "").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text:
            raise Unauthenticated("a token is needed: Authorization: Bearer TOKEN")
        digest = _digest(text)
        if secrets.compare_digest(digest, self._local_digest):
            return Caller(LOCAL, Role.ADMIN)
        record = await self._store.redis.hget(self._records, digest)
        if record is None:
            raise Unauthenticated("the token is unknown or was revoked")
        token = Token.from_json(record)
        return Caller(token.name, token.role)

    async def _read(self) -> dict[str, Token]:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        records: Any = await self._store.redis.hgetall(self._records)
        return {digest.decode(): Token.from_json(text) for digest, text in records.items()}


def new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
