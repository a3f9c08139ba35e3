"""API tokens and roles.

A token is 32 random bytes. The store holds only its SHA-256: a copy of the store gives no access, and the time of a
lookup reveals nothing about a token. The local token is never stored and is valid as long as its process lives.
"""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Self

from edgeward.background.readable_records import readable
from edgeward.errors import Conflict, Forbidden, InvalidValue, NotFound
from edgeward.store.connection import Store
from edgeward.types import Role
from edgeward.types.later_releases import check_version, known_or

TOKEN_PREFIX = "ew_"  # noqa: S105 (a prefix, not a password)
LOCAL_NAME = "local"
"""Name of the token that commands on the same machine use."""
TOKEN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"  # noqa: S105 (a pattern, not a password)
ID_LENGTH = 16

_RANKS = {role: rank for rank, role in enumerate(Role)}

# KEYS: tokens by digest, names. ARGV: name, digest, token as JSON
_CREATE = """
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
"""

# The name is freed only if it is still this token's: another caller may have revoked it, and a new token has the name.
# KEYS: tokens by digest, names. ARGV: name, digest -> number of tokens revoked
_REVOKE = """
if redis.call('HGET', KEYS[2], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[1]) end
return redis.call('HDEL', KEYS[1], ARGV[2])
"""


class Unauthenticated(Forbidden):
    """There is no token, or an unknown one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for something. `name` is the token's, and the `who` of every change in the audit trail."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raises Forbidden if the caller's role does not include `role`."""
        if _RANKS[self.role] < _RANKS[role]:
            raise Forbidden(f"this needs the role {role}; the token {self.name!r} has {self.role}")


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token, without its text. `created_at` is Unix seconds.

    A role that only a later release knows is read as VIEWER, which may do the least.
    """

    id: str
    name: str
    role: Role
    created_at: float

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data: dict[str, Any] = json.loads(text)
        check_version(data, "a token")
        return cls(data["id"], data["name"], known_or(data["role"], Role.VIEWER), data["created_at"])


class Tokens:
    """The tokens in the store, and the local one of this process (`local`)."""

    def __init__(self, store: Store) -> None:
        self.local = new_token()
        self._local_digest = _digest(self.local)
        self._store = store
        self._records = store.key("{tokens}", "by-digest")
        self._names = store.key("{tokens}", "names")

    async def create(self, name: str, role: Role) -> tuple[Token, str]:
        """Create a token. Returns the stored token, and its text, which can't be read again.

        Raises:
            InvalidValue: the name does not match TOKEN_NAME.
            Conflict: the name is taken. Names are unique, as the audit trail identifies callers by them.
        """
        check_name(name)
        text = new_token()
        digest = _digest(text)
        token = Token(digest[:ID_LENGTH], name, role, self._store.clock.now())
        taken = Conflict(f"a token named {name!r} exists already")
        if name == LOCAL_NAME:  # never stored, so the store can't refuse it
            raise taken
        if not await self._store.run_durably(_CREATE, [self._records, self._names], [name, digest, token.to_json()]):
            raise taken
        return token, text

    async def all(self) -> list[Token]:
        """Every stored token, oldest first."""
        records = await self._read()
        return sorted(records.values(), key=lambda token: token.created_at)

    async def revoke(self, token_id: str) -> Token:
        """Delete a token. It is refused from now on.

        Raises:
            NotFound: no token has this id.
        """
        for digest, token in (await self._read()).items():
            if token.id == token_id:
                if await self._store.run_durably(_REVOKE, [self._records, self._names], [token.name, digest]):
                    return token
                break  # somebody else was faster
        raise NotFound(f"no token has the ID {token_id!r}")

    async def caller(self, text: str) -> Caller:
        """The caller that a token identifies. `text`: as whoever calls has sent it.

        Raises:
            Unauthenticated: the token is unknown.
        """
        digest = _digest(text)
        if secrets.compare_digest(digest, self._local_digest):
            return Caller(LOCAL_NAME, Role.ADMIN)
        record = await self._store.redis.hget(self._records, digest)
        if record is None:
            raise Unauthenticated("the token is unknown or was revoked")
        token = Token.from_json(record)
        return Caller(token.name, token.role)

    async def _read(self) -> dict[str, Token]:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        records: Any = await self._store.redis.hgetall(self._records)
        read = readable("token", records.items(), lambda item: (item[0].decode(), Token.from_json(item[1])))
        return dict(read)


def check_name(name: str) -> str:
    """The name of a token. Raises InvalidValue if it does not match TOKEN_NAME."""
    if not re.fullmatch(TOKEN_NAME, name):
        raise InvalidValue("must be 1 to 64 of a-z, A-Z, 0-9, _ . @ -, beginning with a letter or digit", "name")
    return name


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def _digest(text: str) -> str:
    # A token from outside may hold any bytes: those that are not UTF-8 are surrogates.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
