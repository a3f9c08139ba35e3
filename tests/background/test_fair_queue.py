"""A queue in which hosts and their clients take turns."""

from edgeward.background.fair_queue import FairQueue, Source

CROWD, OTHER = Source("crowded", "1"), Source("quiet", "2")


def drained(queue: FairQueue[str]) -> list[str]:
    found = []
    while got := queue.pop():
        found.append(got[1])
    return found


def test_hosts_take_turns() -> None:
    """A host with many items does not delay another's."""
    queue = FairQueue[str](100)
    for number in range(4):
        queue.push(CROWD, f"crowd {number}")
    queue.push(OTHER, "other 0")
    queue.push(OTHER, "other 1")
    assert drained(queue) == ["crowd 0", "other 0", "crowd 1", "other 1", "crowd 2", "crowd 3"]
    assert len(queue) == 0


def test_clients_of_a_host_take_turns() -> None:
    """So do the clients of one host; a client that invents hosts gets a turn for each, within the bound."""
    queue = FairQueue[str](100)
    for number in range(3):
        queue.push(Source("host", "many"), f"many {number}")
    queue.push(Source("host", "one"), "one")
    assert drained(queue) == ["many 0", "one", "many 1", "many 2"]


def test_a_full_queue_drops_the_last_of_the_crowd() -> None:
    """Not the newcomer, unless it is of the crowd or all have the same."""
    queue = FairQueue[str](3)
    for number in range(3):
        assert queue.push(CROWD, f"crowd {number}") is None
    assert queue.push(CROWD, "crowd 3") == "crowd 3"
    assert queue.push(OTHER, "other") == "crowd 2"
    assert queue.push(Source("third"), "third") == "crowd 1"
    assert queue.push(Source("fourth"), "fourth") == "fourth"
    assert drained(queue) == ["crowd 0", "other", "third"]


def test_items_can_be_removed_and_passed_over() -> None:
    """An item that is no longer wanted, and sources that may not start now."""
    queue = FairQueue[str](10)
    queue.push(CROWD, "crowd")
    queue.push(OTHER, "other")
    queue.push(OTHER, "gone")
    assert queue.remove(OTHER, "gone")
    assert not queue.remove(OTHER, "gone")
    assert not queue.remove(Source("never"), "seen")
    assert queue.pop(lambda source: source != CROWD) == (OTHER, "other")
    assert queue.pop(lambda source: source != CROWD) is None
    assert len(queue) == 1
    assert drained(queue) == ["crowd"]


def test_nothing_is_kept_of_sources_that_have_gone() -> None:
    """Hosts that clients invent take no memory once their items are gone."""
    queue = FairQueue[int](2000)
    for number in range(1000):
        queue.push(Source(f"{number}", f"{number}"), number)
    for number in range(0, 1000, 2):
        queue.remove(Source(f"{number}", f"{number}"), number)
    while queue.pop():
        pass
    assert not queue._hosts
