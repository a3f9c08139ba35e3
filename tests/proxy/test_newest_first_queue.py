"""Hosts take turns; new requests go first, and none waits for ever."""

from edgeward.proxy.newest_first_queue import OLDEST_EVERY, NewestFirstQueue


def anything(_: str) -> bool:
    return True


def taken(queue: NewestFirstQueue[str], count: int) -> list[str]:
    return [item for _ in range(count) if (item := queue.take(anything)) is not None]


def test_new_items_go_first() -> None:
    """Except that each fourth one is the oldest."""
    queue: NewestFirstQueue[str] = NewestFirstQueue()
    for number in range(8):
        queue.add("a", str(number))
    assert OLDEST_EVERY == 4
    assert taken(queue, 10) == ["7", "6", "5", "0", "4", "3", "2", "1"]
    assert len(queue) == 0


def test_hosts_take_turns() -> None:
    """A host with many items does not delay that with one."""
    queue: NewestFirstQueue[str] = NewestFirstQueue()
    for number in range(100):
        queue.add("many", f"many {number}")
    queue.add("few", "few")
    queue.add("other", "other")
    assert {"few", "other"} <= set(taken(queue, 3))


def test_hosts_that_are_not_allowed_are_passed_over() -> None:
    """Their items stay queued."""
    queue: NewestFirstQueue[str] = NewestFirstQueue()
    queue.add("a", "1")
    queue.add("b", "2")
    assert queue.take(lambda host: host != "a") == "2"
    assert queue.take(lambda host: host != "a") is None
    assert queue.take(anything) == "1"


def test_a_removed_item_is_not_taken() -> None:
    """It leaves nothing, and can be queued again."""
    queue: NewestFirstQueue[str] = NewestFirstQueue()
    queue.add("a", "1")
    queue.remove("1")
    queue.remove("1")
    assert (len(queue), queue.take(anything)) == (0, None)
    queue.add("a", "1")
    assert taken(queue, 2) == ["1"]


def test_clients_of_a_host_take_turns() -> None:
    """Whoever has many makes no other wait, and gets no more turns than another host."""
    queue: NewestFirstQueue[str] = NewestFirstQueue()
    for number in range(50):
        queue.add("a.test", f"many{number}", "one")
    queue.add("a.test", "few", "two")
    queue.add("b.test", "other", "one")
    found = [queue.take(lambda host: True) for _ in range(4)]
    assert {"few", "other"} < {*found}
    assert "few" not in queue and "many25" in queue
    queue.add("a.test", "gone", "two")
    queue.remove("gone")
    assert [queue.take(lambda host: True) for _ in range(len(queue))].count(None) == 0
    assert queue.take(lambda host: True) is None and queue._hosts == {}
