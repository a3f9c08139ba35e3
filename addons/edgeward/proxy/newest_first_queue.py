"""The order in which requests are sent again: hosts take turns, and the clients of a host do; within a client new
requests go first.

A new request is most likely one whose copy a cache still serves to many. Every OLDEST_EVERY-th one is the oldest of its
client, so that none waits for ever behind newer ones.
"""

from collections import deque
from collections.abc import Callable, Hashable

OLDEST_EVERY = 4


class NewestFirstQueue[T: Hashable]:
    """Items by host and client. Adding, taking and removing take constant time, except for hosts that are passed
    over."""

    def __init__(self) -> None:
        # In the order of their turns. No empty dict or deque is kept.
        self._hosts: dict[str, dict[str, deque[T]]] = {}
        self._queued: set[T] = set()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._queued)

    def __contains__(self, item: T) -> bool:
        return item in self._queued

    def add(self, host: str, item: T, client: str = "") -> None:
        """Queue an item, which must not be queued. `client`: an address; "" if it is not known."""
        self._hosts.setdefault(host, {}).setdefault(client, deque()).append(item)
        self._queued.add(item)

    def remove(self, item: T) -> None:
        """Forget an item. Harmless if it is not queued."""
        self._queued.discard(item)

    def take(self, is_allowed: Callable[[str], bool]) -> T | None:
        """The next item, of a host that is allowed; None if there is none."""
        for host in list(self._hosts):
            if not is_allowed(host):
                continue
            clients = self._hosts.pop(host)
            item = self._take_of_next(clients)
            if clients:  # its next turn is after all others
                self._hosts[host] = clients
            if item is not None:
                return item
        return None

    def _take_of_next(self, clients: dict[str, deque[T]]) -> T | None:
        """Of the client whose turn it is, among those that have any."""
        item = None
        for client in list(clients):
            items = clients.pop(client)
            item = self._take_of(items)
            if items:
                clients[client] = items
            if item is not None:
                break
        return item

    def _take_of(self, items: deque[T]) -> T | None:
        self._taken += 1
        oldest = self._taken % OLDEST_EVERY == 0
        while items:
            item = items.popleft() if oldest else items.pop()
            if item in self._queued:
                self._queued.discard(item)
                return item
        return None
