"""The requests that wait to be sent again, by what was recorded of them; and which of them makes room for another."""

from collections import Counter
from collections.abc import Callable, Iterator, ValuesView

from edgeward.proxy.unjudged_request import UnjudgedRequest

type Source = tuple[str, str]
"""A host, and the address of a client; "" where that is not known."""


class WaitingRequests:
    """Those of one worker, the oldest first. `by_host`: how many each host has."""

    def __init__(self) -> None:
        self._by_record: dict[bytes, UnjudgedRequest] = {}
        self.by_host, self._by_source = Counter[str](), Counter[Source]()

    def __len__(self) -> int:
        return len(self._by_record)

    def __contains__(self, request: UnjudgedRequest) -> bool:
        return self._by_record.get(request.record) is request

    def get(self, record: bytes) -> UnjudgedRequest | None:
        return self._by_record.get(record)

    def values(self) -> ValuesView[UnjudgedRequest]:
        return self._by_record.values()

    def add(self, request: UnjudgedRequest) -> None:
        self._by_record[request.record] = request
        self._count(request, 1)

    def remove(self, request: UnjudgedRequest) -> None:
        del self._by_record[request.record]
        self._count(request, -1)

    def move(self, request: UnjudgedRequest, client: str) -> None:
        """It counts as one of this client from now on."""
        self._count(request, -1)
        request.client = client
        self._count(request, 1)

    def to_give_up(
        self, host: str, client: str, is_pending: Callable[[UnjudgedRequest], bool]
    ) -> UnjudgedRequest | None:
        """The one that makes room for a request of `client` at `host`: the oldest of the client with the most, at the
        host with the most. If that is the same client, one that is pending, of which nothing is lost. None: there is
        none."""
        crowded, is_own = self._most_crowded(host, client)
        return next((each for each in self._idle(crowded) if not is_own or is_pending(each)), None)

    def _most_crowded(self, host: str, client: str) -> tuple[Source, bool]:
        """The client with the most, and whether it is this one."""
        crowded = max(self.by_host, key=self.by_host.__getitem__, default=host)
        if self.by_host[crowded] <= self.by_host[host]:
            crowded = host
        by_client = {source: count for source, count in self._by_source.items() if source[0] == crowded}
        most, own = max(by_client, key=by_client.__getitem__, default=(host, client)), (host, client)
        return (own, True) if by_client.get(most, 0) <= by_client.get(own, 0) else (most, False)

    def _idle(self, source: Source) -> Iterator[UnjudgedRequest]:
        return (each for each in self.values() if (each.host, each.client) == source and not each.fetching)

    def _count(self, request: UnjudgedRequest, sign: int) -> None:
        source = request.host, request.client
        self.by_host[request.host] += sign
        self._by_source[source] += sign
        if not self.by_host[request.host]:
            del self.by_host[request.host]
        if not self._by_source[source]:
            del self._by_source[source]
