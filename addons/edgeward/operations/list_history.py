"""The history of a list: what each act did to it, read from the audit trail."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from edgeward.errors import NotFound
from edgeward.imports.import_jobs import ID_PREFIX as IMPORT_ID_PREFIX
from edgeward.lists.audit_reader import AuditFilter, AuditLine, AuditReader, Position
from edgeward.operations.services import Services
from edgeward.takedowns.takedowns import ID_PREFIX as TAKEDOWN_ID_PREFIX

UNDO = re.compile(r"undo of (\S+?)(?::|$)")
"""How the reason of an undo begins (operations/undo.py), with the id of the act."""
SAME_ACT_SECONDS = 1.0
"""Longest pause between the steps of one removal, of a thousand entries each."""


class HistoryKind(StrEnum):
    CREATED = "created"
    POLICY = "policy"
    DELETED = "deleted"
    ADD = "add"
    IMPORT = "import"
    TAKEDOWN = "takedown"
    REMOVAL = "removal"
    UNDO = "undo"


class HistoryState(StrEnum):
    LISTED = "listed"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What one act did.

    Attributes:
        id: of the act, or of that which was undone; "" if it has none.
        at, first_at: of its last change and of its first, Unix seconds.
        added, removed: how many entries. What was listed before and was listed again counts as added.
        versions: of the lists, made by its first and its last change.
        policy: the values of the policy that it set.
        state: of an act that lists, what its undo has come to; None: that is not on record, or it lists nothing.
    """

    id: str
    kind: HistoryKind
    at: float
    first_at: float
    by: str
    origin: str
    why: str
    added: int
    removed: int
    versions: tuple[int, int]
    policy: dict[str, object]
    state: HistoryState | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some lines, newest first. `cursor`: where the next page begins; None if this is the last. An act may go on there:
    its line then comes again with the rest of its numbers."""

    lines: Sequence[HistoryLine]
    cursor: Position | None


async def of_list(services: Services, name: str, cursor: Position | None, limit: int) -> HistoryPage:
    """About `limit` acts on a list, newest first; of a list that was deleted too."""
    reader = AuditReader(services.store)
    start = cursor or await reader.start(await reader.newest())
    page = await reader.before(AuditFilter(list=name), start, limit)
    lines = [replace(each, state=await _state(services, each)) for each in _acts(page.lines)]
    return HistoryPage(lines, page.end if page.more else None)


def _acts(lines: Iterable[AuditLine]) -> list[HistoryLine]:
    """One line for each act. Changes of an import may have others between them; those of a removal have not."""
    found: dict[tuple[object, ...], HistoryLine] = {}
    removals = 0
    for line in lines:
        # Acts of people that are no changes of the list itself: what followed from them is.
        if not line.versions[1] or (read := _read(line)) is None:
            continue
        key: tuple[object, ...] = (read.kind, read.id, read.by, read.why)
        if read.kind in (HistoryKind.ADD, HistoryKind.REMOVAL) and not read.id:
            last = found.get((*key, removals))
            if last is None or not _follows(last, read):
                removals += 1
            key = (*key, removals)
        elif not read.id:
            key = (*key, read.versions)
        known = found.get(key)
        found[key] = _together(known, read) if known else read
    return list(found.values())


def _follows(newer: HistoryLine, older: HistoryLine) -> bool:
    """Whether two changes without an id are one act: nothing is between them, and hardly any time."""
    return newer.versions[0] == older.versions[1] + 1 and newer.first_at - older.at <= SAME_ACT_SECONDS


def _together(newer: HistoryLine, older: HistoryLine) -> HistoryLine:
    added, removed = newer.added + older.added, newer.removed + older.removed
    versions = older.versions[0], newer.versions[1]
    return replace(newer, first_at=older.first_at, added=added, removed=removed, versions=versions)


def _read(line: AuditLine) -> HistoryLine | None:
    """A line of the audit trail; None for one that does nothing to the number of entries or the policy."""
    undone = UNDO.match(line.why)
    added = removed = 0
    act = line.act
    match line.op:
        case "list.set":
            # Only a new list has set its kind: that can't be changed.
            kind = HistoryKind.CREATED if "kind" in line.about else HistoryKind.POLICY
        case "list.delete":
            kind = HistoryKind.DELETED
        case "entry.add":
            kind, added = _kind_of(act), line.count
        case "entry.remove" | "entry.set" if undone:
            kind, act = HistoryKind.UNDO, undone[1]
            removed = line.count if line.op == "entry.remove" else 0
        case "list.batch_undo":
            kind, act = HistoryKind.UNDO, undone[1] if undone else act
            added, removed = line.about.get("restored", 0), line.about.get("removed", 0)
        case "list.batch_add":
            kind = _kind_of(act) if act else HistoryKind.REMOVAL
            added, removed = line.about.get("added", 0), line.about.get("withdrawn", 0)
        case "entry.remove":
            kind, act, removed = HistoryKind.REMOVAL, "", line.count
        case _:
            return None
    policy = dict(line.about) if kind in (HistoryKind.CREATED, HistoryKind.POLICY) else {}
    times, asked = (line.at, line.first_at), (line.who, line.origin, line.why)
    return HistoryLine(act, kind, *times, *asked, added, removed, line.versions, policy)


def _kind_of(act: str) -> HistoryKind:
    if act.startswith(IMPORT_ID_PREFIX):
        return HistoryKind.IMPORT
    return HistoryKind.TAKEDOWN if act.startswith(TAKEDOWN_ID_PREFIX) else HistoryKind.ADD


async def _state(services: Services, line: HistoryLine) -> HistoryState | None:
    if not line.id or not line.added:
        return None
    try:
        act = await services.list_store.acts.get(line.id)
    except NotFound:  # it is too old
        return None
    if act.done_at:
        return HistoryState.UNDONE
    return HistoryState.UNDOING if act.undone_at else HistoryState.LISTED
