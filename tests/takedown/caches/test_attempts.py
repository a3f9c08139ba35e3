"""Names for calls that may be made twice."""

import uuid

from edgeward.takedown.caches.attempts import MOST, Attempts


def test_the_same_until_answered() -> None:
    """A call that is made again has its old name; what is purged again later has a new one."""
    attempts = Attempts()
    name = attempts.name(["/a", "/b"])
    assert uuid.UUID(name)
    assert attempts.name(["/a", "/b"]) == name
    assert attempts.name(["/a"]) != name
    attempts.answered(["/a", "/b"])
    assert attempts.name(["/a", "/b"]) != name


def test_memory_is_bounded() -> None:
    """Of very many unanswered calls the oldest are forgotten."""
    attempts = Attempts()
    first = attempts.name(["0"])
    last = [attempts.name([str(number)]) for number in range(1, MOST + 5)][-1]
    assert attempts.name([str(MOST + 4)]) == last
    assert attempts.name(["0"]) != first
