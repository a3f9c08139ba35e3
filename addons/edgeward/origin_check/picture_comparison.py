"""Whether other bytes at the origin show the same picture: some origins encode or scale their images anew."""

from collections.abc import Sequence
from enum import Enum

from edgeward.hashing.hashers.pool import HasherPool
from edgeward.sightings.sightings import Sightings
from edgeward.types import DEFAULT_RADIUS, TRANSIENT_FLAWS, Fingerprint


class Likeness(Enum):
    """What the origin's bytes are to the image that was served."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"
    """They can't be compared now: the image is not on record, or was not hashed for a passing reason."""


class PictureComparison:
    """Compares by PDQ.

    Args:
        has_pdq: whether images get this hash at all (hashing.signals). Without it nothing can be compared.
    """

    def __init__(self, sightings: Sightings, pool: HasherPool, has_pdq: bool) -> None:
        self._sightings, self._pool, self._has_pdq = sightings, pool, has_pdq

    async def compare(self, image: str, body: bytes) -> Likeness:
        """Compare an image that was served with other bytes.

        If either has no PDQ, it is another picture: a grey area, a single pixel and an SVG have none, and sites show
        these in place of a removed image. A picture that is only encoded anew keeps its hash.

        Args:
            image: first half of its SHA-256 (32 hex digits).
        """
        seen = await self._seen(image)
        if seen is None or not self._has_pdq:
            return Likeness.UNKNOWN
        found = await self._pool.fingerprint(body)
        if found.flaw in TRANSIENT_FLAWS:
            return Likeness.UNKNOWN
        radius = DEFAULT_RADIUS["pdq"]
        near = any((one ^ other).bit_count() <= radius for one in _pdqs(seen) for other in _pdqs(found))
        return Likeness.SAME if near else Likeness.OTHER

    async def is_page(self, image: str) -> bool | None:
        """Whether what was served is a page or a style sheet with images inside, not an image; None: not on record."""
        seen = await self._seen(image)
        return seen.media_type.startswith("text/") if seen else None

    async def _seen(self, image: str) -> Fingerprint | None:
        known = await self._sightings.images_by_id([image])
        return known[0] if known and known[0].flaw not in TRANSIENT_FLAWS else None


def _pdqs(fingerprint: Fingerprint) -> Sequence[int]:
    return [int(signal.value, 16) for signal in fingerprint.signals if signal.type == "pdq"]
