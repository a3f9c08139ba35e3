"""Reads the audit trail: the changes of the lists, and all other acts of people, as one sequence by time.

Both streams (audit_trail.py), with their archives, are read in slices, and no call reads more than MAX_READ lines:
where it ended is a Position, from which another call goes on. Changes of entries that differ in nothing but the entry
are one line: an import has as many as its file.
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
from edgeward.lists.stored_lists import parse_version
from edgeward.store.connection import Store
from edgeward.types import Signal, entry_id
from edgeward.types.later_releases import DECODE_ERRORS

SLICE = 200
"""Lines of one stream that are read at once: a few milliseconds."""
MAX_READ = 20_000
"""Lines that one call reads at most, whether they are asked for or not."""
CLOCK_STEP_SECONDS = 3600.0
"""The store's clock may have been set by this much: then lines are not in the order of their times."""
_POLICY = ("kind", "mode", "action", "radius", "description", "rotations", "geometry")
_LIMITS: Mapping[str, Any] = {"hosts": [], "paths": [], "share": 100.0, "expires_at": 0.0, "min_quality": 0}
"""The rest of a policy, with the values that a record leaves out."""


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
        about: for a change of one entry its id and hash; for one of a policy the new values; for a batch, or its undo,
            how many entries that added, removed and so on; else as it was noted.
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


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some lines, and where to go on. `more`: there may be others beyond."""

    lines: Sequence[AuditLine]
    end: Position
    more: bool


class AuditReader:
    """Reads the audit trail of one store."""

    def __init__(self, store: Store) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._keys = store.key("{blocklist}", "changes"), store.key("{audit}", "records")
        self._changes, self._records = (StreamArchive(store, key) for key in self._keys)

    async def newest(self) -> Position:
        """The position of the newest line."""
        # The newest item is never archived.
        changes, records = [await self._redis.xrevrange(key, count=1) for key in self._keys]
        return Position(parse_version(changes[0][0]) if changes else 0, records[0][0].decode() if records else "0-0")

    async def start(self, newest: Position, until: float = inf) -> Position:
        """Where `before` must start for all lines up to `newest`, or for those of them up to a time, Unix seconds."""
        if until == inf:
            return newest.next()
        latest = until + CLOCK_STEP_SECONDS
        low, high = 1, newest.version + 1
        while low < high:  # the first version that is later
            middle = (low + high) // 2
            found = await self._changes.after(f"{max(0, middle - 1)}-0", 1)
            if found and _time(found[0][1]) <= latest:
                low = max(middle, parse_version(found[0][0])) + 1
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
        groups: list[_Group] = []
        version, record = start.version, start.record
        for _ in range(MAX_READ):
            stream = await _next(changes, records, forward)
            if stream is None:
                return AuditPage([each.line for each in groups], Position(version, record), more=False)
            id_, fields = stream.first()
            line = _line(id_, fields, wanted, is_change=stream is changes)
            if line is not None and not (groups and groups[-1].takes(line)):
                if len(groups) == limit:
                    break
                groups.append(_Group(line))
            stream.pop()
            if stream is changes:
                version = parse_version(id_)
            else:
                record = id_.decode()
        return AuditPage([each.line for each in groups], Position(version, record), more=True)


class _Group:
    """One line, and those that differ in nothing but the entry. They are added one by one: there may be very many."""

    def __init__(self, first: AuditLine) -> None:
        self._first = self._last = first
        self._count, self._is_of_entries = 1, first.op.startswith("entry.")

    def takes(self, line: AuditLine) -> bool:
        """Add a line next to the last one, if it belongs here."""
        first = self._first
        if not self._is_of_entries or (line.op, line.who, line.origin, line.why, line.list, line.act) != (
            *(first.op, first.who, first.origin, first.why, first.list, first.act),
        ):
            return False
        self._last = line
        self._count += 1
        return True

    @property
    def line(self) -> AuditLine:
        if self._count == 1:
            return self._first
        older, newer = sorted((self._first, self._last), key=lambda each: each.versions)
        versions = older.versions[0], newer.versions[1]
        return replace(newer, first_at=older.at, count=self._count, versions=versions, about={})


async def _next(changes: "_Stream", records: "_Stream", forward: bool) -> "_Stream | None":
    """The stream with the next line; None at the end of both."""
    change, record = await changes.head(), await records.head()
    if change is None or record is None:
        return changes if change is not None else records if record is not None else None
    return changes if (changes.at <= records.at) == forward else records


class _Stream:
    """One stream with its archive from a position on, in slices. Ends at the first line that is older than `oldest`."""

    def __init__(self, archive: StreamArchive, start: str, oldest: float, forward: bool) -> None:
        self._read, self._next, self._oldest = (archive.after if forward else archive.before), start, oldest
        self._items: deque[Item] = deque()
        self._ended = False
        self.at = 0.0
        """When the next line was written, Unix seconds."""

    async def head(self) -> Item | None:
        """The next line; None at the end."""
        if not self._items and not self._ended:
            found = await self._read(self._next, SLICE)
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
    if wanted.who and _text(fields, b"who") != wanted.who:
        return None
    op = _text(fields, b"op")
    if wanted.op and op != wanted.op and not op.startswith(f"{wanted.op}."):
        return None
    if wanted.list and is_change and f'"{wanted.list}"'.encode() not in _object(fields):
        return None
    line = _of_change(id_, fields) if is_change else _of_record(fields)
    return line if not wanted.list or line.list == wanted.list else None


def _object(fields: Mapping[bytes, bytes]) -> bytes:
    """The JSON of what a change is about."""
    return next((fields[name] for name in (b"entry", b"list", b"batch", b"about") if fields.get(name)), b"")


def _of_change(id_: bytes, fields: Mapping[bytes, bytes]) -> AuditLine:
    """Read from its JSON, not as a Change: an import has a million, and who has made what a later release only can read
    is told too."""
    at, versions = _time(fields), (parse_version(id_), parse_version(id_))
    op, who, origin, why = (_text(fields, name) for name in (b"op", b"who", b"from", b"why"))
    try:
        if entry := _parsed(fields.get(b"entry", b"")):
            signal, name = entry["signal"], str(entry["list"])
            id_of = entry_id(name, Signal(str(signal["type"]), str(signal["value"])))
            about = {"entry": id_of, "hash": f"{signal['type']}:{signal['value']}"}
            return AuditLine(op, who, at, origin, why, name, str(signal.get("act", "")), 1, versions, about, at)
        if batch := _parsed(fields.get(b"batch", b"")):
            name, act = str(batch["list"]), str(batch.get("act", ""))
            return AuditLine(op, who, at, origin, why, name, act, 1, versions, _numbers(op, fields), at)
        if of_list := _parsed(fields.get(b"list", b"")):
            policy = _changed_policy(of_list, fields) if op == "list.set" else {}
            return AuditLine(op, who, at, origin, why, str(of_list["name"]), "", 1, versions, policy, at)
    except DECODE_ERRORS:  # damaged
        pass
    return AuditLine(op, who, at, origin, why, "", "", 1, versions, _parsed(fields.get(b"about", b"")), at)


def _numbers(op: str, fields: Mapping[bytes, bytes]) -> dict[str, int]:
    """How many entries a batch adds, finds listed and takes off, or its undo removes, keeps and puts back; {}: that is
    not on record."""
    words = ("removed", "kept", "restored") if op == "list.batch_undo" else ("added", "listed_before", "withdrawn")
    numbers = _text(fields, b"numbers").split()
    return dict(zip(words, map(int, numbers), strict=True)) if numbers else {}


def _changed_policy(new: Mapping[str, Any], fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The values of a policy that a change has set; all of a new list."""
    was = _parsed(fields.get(b"was", b""))
    changed = {name: new[name] for name in _POLICY if name in new and (name not in was or was[name] != new[name])}
    limits = {name: new.get(name, default) for name, default in _LIMITS.items()}
    return changed | {name: value for name, value in limits.items() if value != was.get(name, _LIMITS[name])}


def _of_record(fields: Mapping[bytes, bytes]) -> AuditLine:
    about, at = _parsed(fields.get(b"about", b"")), _time(fields)
    op, who, origin, why = (_text(fields, name) for name in (b"op", b"who", b"from", b"why"))
    list_name, act = str(about.get("list", "") or ""), str(about.get("act", "") or "")
    return AuditLine(op, who, at, origin, why, list_name, act, 1, (0, 0), about, at)


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode("utf-8", "replace")


def _parsed(text: bytes) -> dict[str, Any]:
    """The object of some JSON; {} for anything else."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
