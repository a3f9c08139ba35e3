"""Which purges are sent in the next call."""

from dataclasses import dataclass

from edgeward.purging.ready_purges import ReadyPurges


@dataclass
class Purge:
    name: str
    max_call_size: int = 100


def ready(first: str, later: str, mixed: bool = True) -> ReadyPurges[Purge]:
    purges = ReadyPurges[Purge](mixed)
    for names, is_later in ((first, False), (later, True)):
        for name in names:
            purges.add(Purge(name), later=is_later)
    return purges


def calls(purges: ReadyPurges[Purge], limit: int = 2) -> list[str]:
    found = []
    while purges:
        found.append("".join(purge.name for purge in purges.take(limit)))
    return found


def test_what_comes_later_is_not_starved() -> None:
    """What comes later waits for the others, except in every fourth call."""
    assert calls(ready("abcdefgh", "xyz")) == ["ab", "cd", "ef", "xy", "gh", "z"]


def test_a_call_is_filled() -> None:
    """A call has both kinds where there is room, unless they are not to be mixed."""
    assert calls(ready("a", "xy"), 10) == ["axy"]
    assert calls(ready("a", "xy", mixed=False), 10) == ["a", "xy"]


def test_one_that_needs_a_small_call() -> None:
    """A purge is sent with no more others than it allows."""
    purges = ready("a", "")
    purges.add(Purge("b", 2), later=False)
    purges.add(Purge("c"), later=False)
    assert calls(purges, 10) == ["ab", "c"]


def test_one_goes_to_the_front() -> None:
    """One that is added at the front goes before the others of its kind."""
    purges = ready("a", "x")
    purges.add(Purge("y"), later=True, at_front=True)
    assert calls(purges, 1) == ["a", "y", "x"]
