"""What is on record of the key of one cache, and what that says of the orders that it has carried out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyMismatch:
    """What is known of the key of one cache.

    Attributes:
        headers: request headers that its key has in it beyond Vary, in lower case; none if that is not known.
        detail: what was found, for people.
        fix: what to do, for people.
        by: "check" or "purge": what has found it.
    """

    headers: tuple[str, ...]
    detail: str
    fix: str
    by: str


@dataclass(frozen=True, slots=True)
class KeyDoubt:
    """Why an order by target may have left copies in a cache. `detail`: what was found. `until`: when its key was that
    of purges again, Unix seconds; 0.0: it is not."""

    detail: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """All that is on record of the key of one cache. Times are Unix seconds of the store's clock; 0.0: never.

    Attributes:
        mismatch: that it has now.
        past, past_until: the last one that it had, and until when: orders that were placed by then are in doubt.
        emptied_at: when a person said that every copy in it was gone.
        checked_at: when a check found its key to be that of purges.
    """

    mismatch: KeyMismatch | None = None
    past: KeyMismatch | None = None
    past_until: float = 0.0
    emptied_at: float = 0.0
    checked_at: float = 0.0

    def doubt(self, placed_at: float) -> KeyDoubt | None:
        """Of an order that was placed then. None: nothing speaks against its outcome.

        A key may have been another for long before that was found, so all earlier orders are in doubt too.
        """
        if placed_at <= self.emptied_at:
            return None
        if self.mismatch:
            return KeyDoubt(self.mismatch.detail)
        return KeyDoubt(self.past.detail, self.past_until) if self.past and placed_at <= self.past_until else None

    @property
    def is_unchecked(self) -> bool:
        """Whether nothing is known of its key."""
        return not (self.checked_at or self.mismatch or self.past)

    @property
    def version(self) -> str:
        """Another text where orders may be in doubt that were not, or the reverse."""
        return f"{self.mismatch and self.mismatch.detail}/{self.past_until}/{self.emptied_at}/{self.is_unchecked}"


NOTHING_KNOWN = KeyRecord()
