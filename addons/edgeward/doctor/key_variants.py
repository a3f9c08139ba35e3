"""The requests of clients that a cache may store separate copies for."""

from collections.abc import Sequence

from edgeward.caches.key_forms import ACCEPTS, PHONE

type Headers = tuple[tuple[str, str], ...]

ACCEPT = ("Accept", ACCEPTS[0])
BY_ACCEPT: Sequence[Headers] = tuple((("Accept", accept),) for accept in ACCEPTS)
"""The first is the one that is purged."""
BY_HEADER: Sequence[Headers] = (
    (ACCEPT, ("User-Agent", PHONE)),
    (ACCEPT, ("Cookie", "edgeward=doctor")),
    (ACCEPT, ("X-Forwarded-Proto", "https")),
    (ACCEPT, ("Origin", "https://edgeward.invalid")),
    (ACCEPT, ("Accept-Language", "de")),
    (ACCEPT, ("Range", "bytes=0-99")),
)
VARIANTS: Sequence[Headers] = (*BY_ACCEPT, *BY_HEADER)
PURGED: Headers = VARIANTS[0]


def header_of(headers: Headers) -> str:
    """The header by which this variant differs from the first."""
    return headers[-1][0]
