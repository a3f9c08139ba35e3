"""Which request makes room for another: one of whoever has the most."""

from edgeward.proxy.unjudged_request import UnjudgedRequest
from edgeward.proxy.waiting_requests import WaitingRequests


def request(path: str, host: str = "a.test", client: str = "one") -> UnjudgedRequest:
    return UnjudgedRequest(f"http\r\n{path}\r\nhost: {host}".encode(), [], 30.0, client)


def give_up(waiting: WaitingRequests, host: str, client: str, pending: str = "") -> str | None:
    """The path of the one that would be given up, if that of `pending` is."""
    found = waiting.to_give_up(host, client, lambda each: each.target.path == pending)
    return found and found.target.path


def test_the_client_with_the_most_gives_way() -> None:
    """At the host with the most: its oldest. One of its own only if it is pending: of that nothing is lost."""
    waiting = WaitingRequests()
    assert give_up(waiting, "a.test", "one") is None
    for path, host, client in [
        ("/1", "a.test", "one"), ("/2", "b.test", "one"), ("/3", "a.test", "two"), ("/4", "a.test", "two")
    ]:  # fmt: skip
        waiting.add(request(path, host, client))
    assert give_up(waiting, "b.test", "one") == "/3"
    assert give_up(waiting, "a.test", "one") == give_up(waiting, "a.test", "three") == "/3"
    assert give_up(waiting, "a.test", "two") is None
    assert give_up(waiting, "a.test", "two", pending="/4") == "/4"
    assert give_up(waiting, "a.test", "two", pending="/1") is None


def test_one_that_is_being_sent_does_not_give_way() -> None:
    """The next one does."""
    waiting = WaitingRequests()
    for path in ("/1", "/2"):
        waiting.add(request(path))
    next(iter(waiting.values())).fetch = object()  # type: ignore[assignment]
    assert give_up(waiting, "b.test", "one") == "/2"


def test_counts_follow() -> None:
    """Of hosts and clients; nothing is left of those that have none."""
    waiting, first = WaitingRequests(), request("/1")
    waiting.add(first)
    waiting.add(request("/2"))
    assert first in waiting and request("/1") not in waiting
    assert (waiting.get(first.record), waiting.get(b"")) == (first, None)
    waiting.move(first, "two")
    assert (first.client, waiting._by_source) == ("two", {("a.test", "one"): 1, ("a.test", "two"): 1})
    for each in [*waiting.values()]:
        waiting.remove(each)
    assert (len(waiting), waiting.by_host, waiting._by_source) == (0, {}, {})
