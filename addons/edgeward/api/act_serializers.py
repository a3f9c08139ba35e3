"""Acts, undos and removals as JSON objects. docs/api.md describes each key."""

from edgeward.api import match_serializers, serializers
from edgeward.api.serializers import Json
from edgeward.lists.acts import Act
from edgeward.operations.removals import EntriesRemoved
from edgeward.operations.still_blocked import StillBlocked
from edgeward.operations.undo import ActStatus, UndoResult


def entry_removed(value: EntriesRemoved) -> Json:
    """The removal of one entry. `removed` is null for a damaged one, which can't be shown."""
    removed = next(iter(value.entries), None)
    return {**entries_removed(value), "removed": serializers.entry(removed) if removed else None}


def entries_removed(value: EntriesRemoved) -> Json:
    return {
        "removed": [serializers.entry(each) for each in value.entries],
        "count": value.count,
        "dry_run": value.dry_run,
        **serializers.change_status(value.change),
        "still": still_blocked(value.still),
        "remaining": act_status(value.remaining) if value.remaining else None,
    }


def still_blocked(value: StillBlocked) -> Json:
    return {
        "blocking": [match_serializers.match(*each) for each in value.blocking],
        "allowed": match_serializers.match(*value.allowed) if value.allowed else None,
        "checked": value.checked,
        "unchecked": value.unchecked,
    }


def act(value: Act) -> Json:
    """`undone_at` and `done_at` are null before the undo was asked for, and before it was complete."""
    return {
        "id": value.id,
        "list": value.list,
        "by": value.by,
        "at": value.at,
        "why": value.why,
        "known": value.known,
        "undone_by": value.undone_by,
        "undone_why": value.undone_why,
        "undone_at": value.undone_at or None,
        "done_at": value.done_at or None,
        "removed": value.removed,
        "kept": value.kept,
        "withdrawn": value.withdrawn,
        "restored": value.restored,
    }


def act_status(value: ActStatus) -> Json:
    """`listed`: how many of its entries are on the list. `more`: it has too many to count."""
    return {**act(value.act), "listed": value.listed, "more": value.more, "added": value.added}


def undo_result(value: UndoResult) -> Json:
    kept = [(each.entry, each.kept_by) for each in value.outcomes if each.kept_by is not None and not each.restored]
    return {
        "act": act(value.act),
        "state": "done" if value.act.done_at else "running",
        "removed": [serializers.entry(each.entry) for each in value.outcomes if each.kept_by is None],
        "kept": [{**serializers.entry(each), "kept_by": kept_by} for each, kept_by in kept],
        "restored": [serializers.entry(each.entry) for each in value.outcomes if each.restored],
        **serializers.change_status(value.change),
        "still": still_blocked(value.still),
    }
