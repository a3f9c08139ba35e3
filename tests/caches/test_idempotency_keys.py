"""Idempotency keys of calls."""

import uuid

from edgeward.caches.idempotency_keys import MAX_KEYS, IdempotencyKeys


def test_the_same_until_answered() -> None:
    """A call that is made again has the same key; a later purge of the same items has a new one."""
    keys = IdempotencyKeys()
    key = keys.key(["/a", "/b"])
    assert uuid.UUID(key)
    assert keys.key(["/a", "/b"]) == key
    assert keys.key(["/a"]) != key
    keys.answered(["/a", "/b"])
    assert keys.key(["/a", "/b"]) != key


def test_memory_is_bounded() -> None:
    """With too many unanswered calls the oldest keys are dropped."""
    keys = IdempotencyKeys()
    first = keys.key(["0"])
    last = [keys.key([str(number)]) for number in range(1, MAX_KEYS + 5)][-1]
    assert keys.key([str(MAX_KEYS + 4)]) == last
    assert keys.key(["0"]) != first
