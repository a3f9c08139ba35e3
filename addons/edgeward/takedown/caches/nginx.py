"""nginx with ngx_http_cache_purge, through the purge listener of deploy/nginx/edgeward-cache.conf or -slice.conf."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeward.cache_settings import NginxCache
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.local import CONFIRM_SECONDS, LocalDriver, refused
from edgeward.takedown.caches.wire import Request
from edgeward.types import Delivery, PurgeOrder, Target

_GONE = (404, 412)
"""Nothing stored there: 404 from Debian's module, 412 from the fork of nginx-modules."""
HOLES = 4
"""After the slices that the size tells of, so many in a row that are not there are the end."""
ROUND = 128
"""Slices of one target that are asked for at a time."""
MAX_SLICES = 16384
"""Slices of one target that are purged at most."""


@dataclass(slots=True)
class _Work:
    """One order: what went, and what stands in the way of its being verified."""

    target: Target
    variants: list[str]
    removed: int = 0
    slices: int = 0
    holes: int = 0
    trouble: Purged | None = None

    def outcome(self) -> Purged:
        if self.trouble:
            return self.trouble
        if self.variants or (self.removed and not self.target.vary):
            return Purged(Delivery.VERIFIED, 404, count=self.removed)
        return Purged(Delivery.DELIVERED, 404, "the listener does not name its variants", self.removed)


@dataclass(slots=True)
class _Piece:
    """One file that may be there: a variant, or a slice of it."""

    work: _Work
    headers: list[tuple[str, str]] = field(default_factory=list)
    removed: int = 0

    @property
    def request(self) -> Request:
        return Request("GET", self.work.target.host, self.work.target.path, self.headers)

    def take(self, answer: Answer | Purged) -> bool:
        """Whether something went, so that it must be asked again."""
        if isinstance(answer, Purged):
            self.work.trouble = answer
        elif answer.status == 200:
            self.removed += 1
            self.work.removed += 1
            return True
        elif answer.status not in _GONE:
            self.work.trouble = refused(answer)
        return False


class Nginx(LocalDriver):
    """GET on the purge listener, once for each variant that the listener names in `Edgeward-Variants`, and for each
    slice where nginx stores slices.

    A listener that names no variants has one key per URL. nginx then keeps further files for a response with Vary,
    which no purge finds; and its 404 may come from anything that listens there. Such purges are delivered, not
    verified.
    """

    name = "nginx"
    abilities = Abilities(all_variants=True, counts=True, verifies=True, batch=64)
    settings: NginxCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        works = [_Work(order.target, []) for order in orders]
        await self._look(works)
        open_works = [work for work in works if not work.trouble]
        if self.settings.slice_bytes:
            await self._slices(open_works)
        else:
            await self._empty([piece for work in open_works for piece in _pieces(work)])
        return [work.outcome() for work in works]

    async def _look(self, works: Sequence[_Work]) -> None:
        """Ask for each target without a variant: where the listener names some, that removes nothing."""
        pieces = [_Piece(work) for work in works]
        for piece, answer in zip(pieces, await self._ask([piece.request for piece in pieces]), strict=True):
            piece.take(answer)
            if isinstance(answer, Answer):
                piece.work.variants = answer.headers.get("edgeward-variants", "").split()

    async def _slices(self, works: Sequence[_Work]) -> None:
        """Purge slice after slice. One that is not there is no end while the size says that more follow."""
        size = self.settings.slice_bytes
        while works:
            pieces = {
                (number, index): _pieces(work, f"bytes={index * size}-{(index + 1) * size - 1}")
                for number, work in enumerate(works)
                for index in range(work.slices, work.slices + min(ROUND, max(_known(work, size) - work.slices, HOLES)))
            }
            await self._empty([piece for variants in pieces.values() for piece in variants])
            for (number, _), variants in pieces.items():
                work = works[number]
                work.slices += 1
                work.holes = 0 if any(piece.removed for piece in variants) else work.holes + 1
            works = [work for work in works if _goes_on(work, size)]

    async def _empty(self, pieces: Sequence[_Piece]) -> None:
        """Purge pieces until nothing is left of any."""
        for _ in CONFIRM_SECONDS:
            if not pieces:
                return
            answers = await self._ask([piece.request for piece in pieces])
            pieces = [piece for piece, answer in zip(pieces, answers, strict=True) if piece.take(answer)]
        for piece in pieces:
            detail = "stored again as fast as it is purged"
            piece.work.trouble = Purged(Delivery.DELIVERED, 200, detail, piece.work.removed)


def _pieces(work: _Work, span: str = "") -> list[_Piece]:
    """A piece for each variant, of one slice or of the whole."""
    slices = [("Edgeward-Slice", span)] if span else []
    return [_Piece(work, [("Edgeward-Variant", variant), *slices]) for variant in work.variants] or [
        _Piece(work, slices)
    ]


def _known(work: _Work, size: int) -> int:
    """Slices that the target has by its size, and the holes after them that show their end."""
    return -(-work.target.size // size) + HOLES


def _goes_on(work: _Work, size: int) -> bool:
    if work.trouble or (work.slices >= _known(work, size) and work.holes >= HOLES):
        return False
    if work.slices >= MAX_SLICES:
        detail = f"only the first {MAX_SLICES} slices were purged: slice_bytes is too small for such a response"
        work.trouble = Purged(Delivery.DELIVERED, 200, detail, work.removed)
    return not work.trouble
