"""Numbers with their nouns, lists of names, and excerpts of what was given, in every sentence that has some."""

from collections.abc import Iterable, Sequence

HOSTS_NAMED = 3
"""Hosts that are named in one sentence at most."""
PROCESSES_NAMED = 5
"""Silent processes that are named at most."""
EXCERPT_CHARACTERS = 100
"""Characters of what was given that a message repeats: a whole hash of the usual types, but no long line."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 purge", "2 purges". `plural`: if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], most: int, count: int = 0) -> str:
    """The first `most` names: "a, b and 2 more". `count`: how many there are, if not all are given."""
    known = list(names)
    more = max(len(known), count) - min(len(known), most)
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")


def excerpt(text: str, most: int = EXCERPT_CHARACTERS) -> str:
    """`text` for a message: its first `most` characters, with escapes for those that a terminal would not show."""
    shown = text[:most] + ("..." if len(text) > most else "")
    return shown if shown.isprintable() else repr(shown)[1:-1][: 2 * most]


def not_heard_from(silent: Sequence[tuple[str, float]]) -> list[str]:
    """A sentence on each silent process, by its name and seconds since it was heard from; one on those beyond
    PROCESSES_NAMED.

    Only a worker serves: what a controller (HOST/controller/PID) has not applied lets no image pass.
    """
    found = [
        f"not heard from for {_duration(seconds)}: {name}; "
        + ("it serves no images" if "/controller/" in name else "it may still serve by older lists")
        for name, seconds in silent[:PROCESSES_NAMED]
    ]
    if (more := len(silent) - PROCESSES_NAMED) > 0:
        found.append(f"not heard from: {counted(more, 'more process', 'more processes')}")
    return found


def _duration(seconds: float) -> str:
    """In the largest unit of which there are two or more."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
