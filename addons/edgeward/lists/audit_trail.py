"""The audit trail: who did what, when, from where and why.

Each change of the lists is a line of the stream of changes (list_store.py); so are a refill of the store, and a
statement that the caches were emptied. All other acts of people are lines of a stream of their own, which has no
versions and is bounded.

{audit}:records  stream of the latest MAX_RECORDS acts: op, who, at (Unix seconds), from, why, about (JSON)
                 Old ones are in its archive (background/stream_archive.py)
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from edgeward.background.readable_records import readable
from edgeward.background.stream_archive import StreamArchive
from edgeward.lists import lua_scripts
from edgeward.store.connection import Store

MAX_RECORDS = 100_000
"""Acts that are kept, the latest: about 25 MB."""
MAX_ABOUT_CHARACTERS = 4000
"""Of each text in `about`. A request may name a thousand URLs."""

_origin: ContextVar[str] = ContextVar("origin", default="")

# KEYS: stream. ARGV: number of acts that are kept, then fields and values
_NOTE = "return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))"
# KEYS: version, changes. ARGV: who, why, op, about
_STATE = lua_scripts.RECORD + "return record(ARGV[3], 'about', ARGV[4])"


@contextmanager
def request_from(origin: str) -> Iterator[None]:
    """What is done within comes from this network address; "" if it is not known."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def request_origin() -> str:
    """From where what is done now was asked for; "" if that is not known."""
    return _origin.get()


def signed(who: str) -> str:
    """The first argument of the scripts with RECORD: who, and from where."""
    origin = _origin.get()
    return f"{who}\0{origin}" if origin and "\0" not in who else who


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line. `op` is like "token.create"; `at` is Unix seconds; `origin` a network address, "" if not known."""

    op: str
    who: str
    at: float
    origin: str
    why: str
    about: Mapping[str, Any]


class AuditTrail:
    """The lines of one store that are no changes of the lists.

    Attributes:
        archive: that of the old ones.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._records = store.key("{audit}", "records")
        self.archive = StreamArchive(store, self._records)
        self._changes = [store.key("{blocklist}", "version"), store.key("{blocklist}", "changes")]

    async def note(self, op: str, who: str, why: str = "", **about: object) -> None:
        """Note an act durably, from wherever the request comes.

        Raises:
            STORE_AWAY: it is not noted, and must not be done.
        """
        about = {name: _short(value) for name, value in about.items()}
        fields = ("op", op, "who", who, "at", f"{self._store.clock.now():.6f}", "from", _origin.get(), "why", why)
        await self._store.run_durably(_NOTE, [self._records], [MAX_RECORDS, *fields, "about", json.dumps(about)])

    async def state(self, op: str, who: str, why: str = "", **about: object) -> int:
        """Note durably in the stream of changes what a person says about the store. Returns the version of the line.

        Only where the store lacks nothing: a version more would look like a change of what it lacks.
        """
        version: int = await self._store.run_durably(_STATE, self._changes, [signed(who), why, op, json.dumps(about)])
        return version

    async def latest(self, limit: int = 100) -> list[AuditRecord]:
        """The latest acts, newest first."""
        found = await self._redis.xrevrange(self._records, count=limit)
        return readable("audit record", (fields for _, fields in found), _record)


def _record(fields: Mapping[bytes, bytes]) -> AuditRecord:
    text = {name.decode(): value.decode() for name, value in fields.items()}
    about = json.loads(text["about"])
    return AuditRecord(text["op"], text["who"], float(text["at"]), text["from"], text["why"], about)


def _short(value: object) -> object:
    return value[:MAX_ABOUT_CHARACTERS] if isinstance(value, str) else value
