"""A bounded queue in which nobody waits behind another's crowd: hosts take turns, and the clients of a host do."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class Source(NamedTuple):
    """Where work comes from. Empty: not known; all such work takes turns as one host and one client."""

    host: str = ""
    client: str = ""
    """An address."""


ANY_SOURCE = Source()


class FairQueue[Item]:
    """At most `size` items, each from a source.

    A full queue drops the item that came last from the client with the most items, of the host with the most: who
    brings much displaces only itself.
    """

    def __init__(self, size: int) -> None:
        self._size, self._length = size, 0
        # In the order of their turns. No empty dict or deque is kept, so there are never more than items.
        self._hosts: dict[str, dict[str, deque[Item]]] = {}

    def __len__(self) -> int:
        return self._length

    def push(self, source: Source, item: Item) -> Item | None:
        """Add an item. Returns the item that was dropped for it, which may be the same; None if there was room."""
        clients = self._hosts.setdefault(source.host, {})
        clients.setdefault(source.client, deque()).append(item)
        self._length += 1
        return self._drop() if self._length > self._size else None

    def pop(self, may_start: Callable[[Source], bool] = lambda source: True) -> tuple[Source, Item] | None:
        """The item whose turn it is, of the sources that `may_start`; None if there is none."""
        for host, clients in self._hosts.items():
            for client, items in clients.items():
                source = Source(host, client)
                if may_start(source):
                    item = items.popleft()
                    self._length -= 1
                    self._end_turn(source)
                    return source, item
        return None

    def peek(self) -> tuple[Source, Item] | None:
        """What `pop` would return."""
        for host, clients in self._hosts.items():
            for client, items in clients.items():
                return Source(host, client), items[0]
        return None

    def remove(self, source: Source, item: Item) -> bool:
        """Take an item out of turn. False: it is not in the queue."""
        items = self._hosts.get(source.host, {}).get(source.client)
        if items is None or item not in items:
            return False
        items.remove(item)
        self._length -= 1
        self._forget_empty(source)
        return True

    def _end_turn(self, source: Source) -> None:
        """The next turn of the host, and of its client, comes after all others."""
        clients = self._hosts.pop(source.host)
        items = clients.pop(source.client)
        if items:
            clients[source.client] = items
        if clients:
            self._hosts[source.host] = clients

    def _forget_empty(self, source: Source) -> None:
        clients = self._hosts[source.host]
        if not clients[source.client]:
            del clients[source.client]
        if not clients:
            del self._hosts[source.host]

    def _drop(self) -> Item:
        # The last of several, so that a newcomer gives way.
        host = max(reversed(self._hosts), key=lambda each: sum(map(len, self._hosts[each].values())))
        clients = self._hosts[host]
        client = max(reversed(clients), key=lambda each: len(clients[each]))
        item = clients[client].pop()
        self._length -= 1
        self._forget_empty(Source(host, client))
        return item
