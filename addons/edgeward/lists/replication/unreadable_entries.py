"""The lists and entries of the store that this process can't read, and so does not act by."""

from collections import Counter

from edgeward import metrics
from edgeward.types import Unreadable

MAX_KNOWN = 10_000
"""That are known one by one. A removal of others is noticed when the lists are loaded again."""


class UnreadableEntries:
    """What one replica could not read."""

    def __init__(self) -> None:
        self._known: dict[bytes, Unreadable] = {}
        self._more = self._later_more = 0

    def __len__(self) -> int:
        return len(self._known) + self._more

    @property
    def any_later(self) -> bool:
        """Whether a later release wrote one of them: processes of that release act by it, and this one does not."""
        return bool(self._later_more) or any(each.is_later for each in self._known.values())

    def clear(self) -> None:
        """The lists are loaded anew."""
        self._known.clear()
        self._more = self._later_more = 0
        self._publish()

    def add(self, unreadable: Unreadable) -> None:
        if len(self._known) < MAX_KNOWN:
            self._known[unreadable.key] = unreadable
        else:
            self._more += 1
            self._later_more += unreadable.is_later
        self._publish()

    def remove(self, unreadable: Unreadable) -> None:
        """It is not in the store any more."""
        self._known.pop(unreadable.key, None)
        self._publish()

    def has_list(self, name: str) -> bool:
        """Whether anything of this list could not be read."""
        return any(each.list == name for each in self._known.values())

    def forget_list(self, name: str) -> None:
        """A list is deleted."""
        self._known = {key: each for key, each in self._known.items() if each.list != name}
        self._publish()

    @property
    def reason(self) -> str:
        """In one sentence, for people; "" if there are none."""
        if not len(self):
            return ""
        counts = Counter(each.list for each in self._known.values())
        name, number = counts.most_common(1)[0]
        of_list = f" ({number} of the list {name!r})" if name else ""
        what = f"{len(self)} {'list or entry' if len(self) == 1 else 'lists and entries'}"
        if self.any_later:
            return f"{what} of the store were written by a later release and do not act here{of_list}: upgrade Edgeward"
        return f"{what} of the store are damaged and do not act{of_list}: remove them, and list them again"

    def _publish(self) -> None:
        metrics.blocklist_unreadable_entries.set(len(self))
