"""The words for what became of purges, each with one meaning in commands, the API, receipts, pages and metrics.

`Word` is for one order at one cache, `ReceiptState` for many orders at all caches. `WORDS` says what
the first mean, and whether `--wait` counts them as done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edgeward.types.choices import Delivery


class Word(StrEnum):
    """What became of one order at one cache."""

    VERIFIED = "verified"
    FOUND_NOTHING = "found_nothing"
    ACCEPTED = "accepted"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"
    OWED = "owed"


class ReceiptState(StrEnum):
    """What became of many orders at all caches. Ordered: the first that applies."""

    PLACING = "placing"
    """More orders will follow."""
    INACTIVE = "inactive"
    """The entry blocks nothing: its list is in monitor mode, off or an allowlist, or nothing can match it."""
    PURGING = "purging"
    """All orders are placed, and some are not carried out yet."""
    OWED = "owed"
    """A cache has not carried out its orders for more than PURGING_SECONDS: it is unreachable."""
    REFUSED = "refused"
    """A cache refuses orders: its configuration must be fixed."""
    UNKNOWN = "unknown"
    """Not known to be gone: a cache can't carry out some orders, targets were forgotten, responses are unjudged, or no
    cache is configured."""
    NOTHING = "nothing"
    """Nothing matched: no copy was seen, and no cache is known to have had one."""
    ACCEPTED = "accepted"
    """Every cache has carried out every order, and some can't be asked whether a copy is left."""
    FOUND_NOTHING = "found_nothing"
    """Every cache was asked, and none had a copy."""
    GONE = "gone"
    """Every cache has carried out every order and, asked again, has no copy left. At least one is not known to have had
    none."""


DONE_STATES = frozenset({ReceiptState.NOTHING, ReceiptState.ACCEPTED, ReceiptState.FOUND_NOTHING, ReceiptState.GONE})
"""States in which every cache has carried out every order."""


NO_COPY_STATES = frozenset({ReceiptState.NOTHING, ReceiptState.FOUND_NOTHING})
"""States in which no cache is known to have had a copy: who removes something expects one."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word says.

    Attributes:
        sentence: for people.
        done_for_listing: `add` and `import` with --wait end with status 0, else 1.
        done_for_removal: so do `purge` and `takedown`: who removes something expects a copy of it.
        metric: the metric that counts it, with its label.
    """

    sentence: str
    done_for_listing: bool
    done_for_removal: bool
    metric: str


WORDS: Mapping[Word, Meaning] = {
    Word.VERIFIED: Meaning(
        "purged and, asked again, the cache has no copy left",
        True,
        True,
        'edgeward_purges_total{outcome="verified"}',
    ),
    Word.FOUND_NOTHING: Meaning(
        "verified, and the cache says that it had no copy",
        True,
        False,
        'edgeward_purge_copies_total{met="none"}',
    ),
    Word.ACCEPTED: Meaning(
        "the cache took the purge, and can't be asked whether a copy is left",
        False,  # True where `accepted_is_enough` is set for the cache
        False,
        'edgeward_purges_total{outcome="delivered"}',
    ),
    Word.UNSUPPORTED: Meaning(
        "this kind of cache can't carry out such a purge",
        False,
        False,
        'edgeward_purges_total{outcome="unsupported"}',
    ),
    Word.REFUSED: Meaning(
        "the cache, or what answers in its place, does not take the purge: its configuration must be fixed",
        False,
        False,
        'edgeward_purges_total{outcome="refused"}',
    ),
    Word.OWED: Meaning(
        "not done: the cache is unreachable, too slow, or still has a copy; retried while a controller has the cache",
        False,
        False,
        "edgeward_purges_pending",
    ),
}

_OF_DELIVERY = {
    Delivery.VERIFIED: Word.VERIFIED,
    Delivery.DELIVERED: Word.ACCEPTED,
    Delivery.UNSUPPORTED: Word.UNSUPPORTED,
    Delivery.REFUSED: Word.REFUSED,
    Delivery.WAITING: Word.OWED,
}


def word_of(delivery: Delivery, removed: int | None) -> Word:
    """The word for the outcome of one order. `removed`: copies that its purges removed; None: that is not known."""
    word = _OF_DELIVERY[delivery]
    return Word.FOUND_NOTHING if word is Word.VERIFIED and removed == 0 else word


def spoken(word: str) -> str:
    """A word as people read it."""
    return word.replace("_", " ")
