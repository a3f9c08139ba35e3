"""Reads the audit trail: the changes of the lists, and all other acts of people, as one sequence by time.

Both streams (audit_trail.py) are read in slices, and no call reads more than MAX_READ lines: where it ended is a
Position, from which another call goes on. Changes of entries that differ in nothing but the entry are one line: an
import has as many as its file.
"""

import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Self

from edgeward.background.stream_archive import Item, StreamArchive
from edgeward.errors import InvalidValue
from edgeward.lists.stored_lists import parse_changes
from edgeward.store.connection import Store
from edgeward.types.later_releases import DECODE_ERRORS

SLICE = 500
"""Lines of one stream that are read at once: about 5 milliseconds."""
MAX_READ = 20_000
"""Lines that one call reads at most, whether they are asked for or not."""
CLOCK_STEP_SECONDS = 3600.0
"""The store's clock may have been set by this much: then lines are not in the order of their times."""
_POLICY = ("kind", "mode", "action", "radius", "description", "rotations", "geometry")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in both streams: a version of the lists, and the id of a record of other acts."""

    version: int
    record: str

    def __str__(self) -> str:
        return f"{self.version}.{self.record}"

    def next(self) -> Self:
        """The position after it."""
        time, _, number = self.record.partition("-")
        return replace(self, version=self.version + 1, record=f"{time}-{int(number) + 1}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidValue if `text` is not what `str` has made."""
        if not re.fullmatch(r"[0-9]{1,18}\.[0-9]{1,18}-[0-9]{1,18}", text):
            raise InvalidValue("not a cursor of this route", "cursor")
        version, _, record = text.partition(".")
        return cls(int(version), record)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines are asked for. "" stands for all.

    Attributes:
        op: what was done, such as "entry.add", or its first word: "entry".
        since, until: Unix seconds.
    """

    list: str = ""
    who: str = ""
    op: str = ""
    since: float = 0.0
    until: float = inf


@dataclass(frozen=True, slots=True)
class AuditLine:
    """What somebody did: one act, or several changes of entries that differ in nothing but the entry.

    Attributes:
        at, first_at: of the last and of the first of them, Unix seconds.
        origin: network address from which it was asked for, "" if that is not known.
        list: name of the list that it is about, "" for none.
        act: id of the act that listed the entries.
        count: number of changes.
        versions: of the lists, made by the first and the last of them; (0, 0): no change of the lists.
        about: for a change of one entry its id and hash; for one of a policy the new values; else as it was noted.
    """

    op: str
    who: str
    at: float
    origin: str
    why: str
    list: str = ""
    act: str = ""
    count: int = 1
    versions: tuple[int, int] = (0, 0)
    about: Mapping[str, Any] = field(default_factory=dict)
    first_at: float = 0.0

    def continues(self, other: "AuditLine") -> bool:
        """Whether both are changes of entries by one act, next to each other."""
        return self.op.startswith("entry.") and self._key == other._key

    @property
    def _key(self) -> tuple[str, ...]:
        return self.op, self.who, self.origin, self.why, self.list, self.act

    def merged(self, other: "AuditLine") -> "AuditLine":
        """Both as one line."""
        versions = min(self.versions[0], other.versions[0]), max(self.versions[1], other.versions[1])
        at, first_at = max(self.at, other.at), min(self.first_at, other.first_at)
        return replace(self, at=at, first_at=first_at, count=self.count + other.count, versions=versions, about={})


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some lines, and where to go on. `more`: there may be others beyond."""

    lines: Sequence[AuditLine]
    end: Position
    more: bool


class AuditReader:
    """Reads the audit trail of one store."""

    def __init__(self, store: Store) -> None:
        self._changes = StreamArchive(store, store.key("{blocklist}", "changes"))
        self._records = StreamArchive(store, store.key("{audit}", "records"))

    async def newest(self) -> Position:
        """The position of the newest line."""
        changes, records = await self._changes.newest(), await self._records.newest()
        return Position(_version(changes) if changes else 0, records.decode() if records else "0-0")

    async def start(self, newest: Position, until: float = inf) -> Position:
        """Where `before` must start for all lines up to `newest`, or for those of them up to a time, Unix seconds."""
        if until == inf:
            return newest.next()
        latest = until + CLOCK_STEP_SECONDS
        low, high = 0, newest.version + 1
        while low < high:  # the first version that is later
            middle = (low + high) // 2
            found = await self._changes.after(f"{max(0, middle - 1)}-0", 1)
            if found and _time(found[0][1]) <= latest:
                low = max(middle, _version(found[0][0])) + 1
            else:
                high = middle
        return Position(low, f"{max(0, int(latest * 1000))}-0")

    async def before(self, wanted: AuditFilter, start: Position, limit: int) -> AuditPage:
        """Up to `limit` lines before a position, newest first. What is there itself is left out."""
        return await self._read(wanted, start, limit, wanted.since - CLOCK_STEP_SECONDS, forward=False)

    async def after(self, wanted: AuditFilter, start: Position, limit: int) -> AuditPage:
        """Up to `limit` lines after a position, oldest first."""
        return await self._read(wanted, start, limit, -inf, forward=True)

    async def _read(self, wanted: AuditFilter, start: Position, limit: int, oldest: float, forward: bool) -> AuditPage:
        changes = _Stream(self._changes, f"{start.version}-0", oldest, forward)
        records = _Stream(self._records, start.record, oldest, forward)
        lines: list[AuditLine] = []
        position = start
        for _ in range(MAX_READ):
            heads = [stream for stream in (changes, records) if await stream.head() is not None]
            if not heads:
                return AuditPage(lines, position, more=False)
            stream = (min if forward else max)(heads, key=lambda each: each.at)
            id_, fields = stream.first()
            line = _line(id_, fields, wanted, is_change=stream is changes)
            if line is not None:
                if lines and lines[-1].continues(line):
                    lines[-1] = lines[-1].merged(line)
                elif len(lines) == limit:
                    return AuditPage(lines, position, more=True)
                else:
                    lines.append(line)
            stream.pop()
            if stream is changes:
                position = replace(position, version=_version(id_))
            else:
                position = replace(position, record=id_.decode())
        return AuditPage(lines, position, more=True)


class _Stream:
    """One stream with its archive from a position on, in slices. Ends at the first line that is older than `oldest`."""

    def __init__(self, stream: StreamArchive, start: str, oldest: float, forward: bool) -> None:
        self._stream, self._next, self._oldest, self._forward = stream, start, oldest, forward
        self._items: deque[Item] = deque()
        self._ended = False
        self.at = 0.0
        """When the next line was written, Unix seconds."""

    async def head(self) -> Item | None:
        """The next line; None at the end."""
        if not self._items and not self._ended:
            read = self._stream.after if self._forward else self._stream.before
            found = await read(self._next, SLICE)
            self._ended = len(found) < SLICE
            self._items.extend(found)
        if not self._items:
            return None
        self.at = _time(self._items[0][1])
        if self.at < self._oldest:
            self._items.clear()
            self._ended = True
            return None
        return self._items[0]

    def first(self) -> Item:
        return self._items[0]

    def pop(self) -> None:
        self._next = self._items.popleft()[0].decode()


def _version(id_: bytes) -> int:
    return int(id_.partition(b"-")[0])


def _time(fields: Mapping[bytes, bytes]) -> float:
    """When a line was written, Unix seconds; 0.0 if it is damaged."""
    try:
        return float(fields[b"at"])
    except DECODE_ERRORS:
        return 0.0


def _line(id_: bytes, fields: Mapping[bytes, bytes], wanted: AuditFilter, is_change: bool) -> AuditLine | None:
    """The line, None if it is not asked for. What can be told without parsing is looked at first."""
    if not wanted.since <= _time(fields) <= wanted.until:
        return None
    if wanted.who and fields.get(b"who", b"").decode("utf-8", "replace") != wanted.who:
        return None
    op = fields.get(b"op", b"").decode("utf-8", "replace")
    if wanted.op and op != wanted.op and not op.startswith(f"{wanted.op}."):
        return None
    if wanted.list and is_change and f'"{wanted.list}"'.encode() not in _object(fields):
        return None
    line = _of_change(id_, fields) if is_change else _of_record(fields)
    return line if not wanted.list or line.list == wanted.list else None


def _object(fields: Mapping[bytes, bytes]) -> bytes:
    """The JSON of what a change is about."""
    return fields.get(b"entry") or fields.get(b"list") or fields.get(b"about") or b""


def _of_change(id_: bytes, fields: Mapping[bytes, bytes]) -> AuditLine:
    try:
        (change,) = parse_changes([(id_, fields)])
    except DECODE_ERRORS:  # not even its time can be read
        return replace(_of_record(fields), versions=(_version(id_), _version(id_)))
    common = change.op, change.who, change.at, change.origin, change.why
    versions = (change.version, change.version)
    if (entry := change.entry) is not None:
        about = {"entry": entry.id, "hash": f"{entry.signal.type}:{entry.signal.value}"}
        return AuditLine(*common, entry.list, entry.act, 1, versions, about, change.at)
    if change.list is not None:
        policy = _changed_policy(fields) if change.op == "list.set" else {}
        return AuditLine(*common, change.list.name, "", 1, versions, policy, change.at)
    return AuditLine(*common, "", "", 1, versions, _parsed(fields.get(b"about", b"")), change.at)


def _changed_policy(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The values of a policy that a change has set; all of a new list."""
    new, was = _parsed(fields.get(b"list", b"")), _parsed(fields.get(b"was", b""))
    return {name: new[name] for name in _POLICY if name in new and (name not in was or was[name] != new[name])}


def _of_record(fields: Mapping[bytes, bytes]) -> AuditLine:
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    about, at = _parsed(fields.get(b"about", b"")), _time(fields)
    op, who, origin, why = (text.get(name, "") for name in ("op", "who", "from", "why"))
    list_name, act = str(about.get("list", "") or ""), str(about.get("act", "") or "")
    return AuditLine(op, who, at, origin, why, list_name, act, 1, (0, 0), about, at)


def _parsed(text: bytes) -> dict[str, Any]:
    """The object of some JSON; {} for anything else."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
