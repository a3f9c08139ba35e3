"""Numbers with their nouns, and lists of names, in every sentence that has some."""

from collections.abc import Iterable

HOSTS_NAMED = 3
"""Hosts that are named in one sentence at most."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 purge", "2 purges". `plural`: if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], most: int, count: int = 0) -> str:
    """The first `most` names: "a, b and 2 more". `count`: how many there are, if not all are given."""
    known = list(names)
    more = max(len(known), count) - min(len(known), most)
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")
