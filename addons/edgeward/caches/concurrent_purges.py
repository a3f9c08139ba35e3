"""Purges of one object by several calls at the same time: one finds nothing where another removes the copy."""

from collections.abc import Hashable, Iterable


class ConcurrentPurges:
    """The objects that calls are purging now."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, int] = {}
        self._removed: set[Hashable] = set()
        """Objects that a call has removed while others were purging them."""

    def begin(self, objects: Iterable[Hashable]) -> None:
        """A call begins to purge these, each once."""
        for each in objects:
            self._calls[each] = self._calls.get(each, 0) + 1

    def end(self, purged: Hashable, count: int | None) -> int | None:
        """A call has ended for one of its objects, of which it removed `count` copies. Returns what is known of that:
        None instead of 0 if another call may have removed a copy meanwhile."""
        others = self._calls.pop(purged) - 1
        was_removed = purged in self._removed
        if others:
            self._calls[purged] = others
            if count:
                self._removed.add(purged)
        else:
            self._removed.discard(purged)
        return None if count == 0 and (others or was_removed) else count
