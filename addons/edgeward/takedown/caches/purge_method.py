"""What caches share that know the method PURGE, and say by `only-if-cached` what they hold: Squid, Traffic Server."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.caches.local import CONFIRM_SECONDS, LocalDriver, refused, settled
from edgeward.takedown.caches.wire import Request
from edgeward.types import Delivery, Target

NOT_HELD = 504
"""Answer of a cache to `only-if-cached` when it holds nothing (RFC 9111, section 5.2.1.7)."""
_PROBE = ("Cache-Control", "only-if-cached, max-stale")
"""`max-stale`, since a stale copy may be served when the origin is away: it is one too."""

_STORED_ERRORS = (404, 410)
_LONG = 4096


@dataclass(slots=True, eq=False)
class Piece:
    """One object that may be there: a target, or one variant of it. `removed`: how often something of it went;
    `trouble`: what stands in the way of its being verified."""

    target: Target
    headers: tuple[tuple[str, str], ...] = ()
    removed: int = 0
    trouble: Purged | None = None

    def request(self, method: str, *headers: tuple[str, str]) -> Request:
        return Request(method, self.target.host, self.target.path, (*self.headers, *headers))


class PurgeMethodDriver(LocalDriver):
    """PURGE answers 200 where something went, 404 where there was nothing. A probe has the last word: it asks as a
    client would, without the secret, and never fills the cache."""

    async def _purge(self, pieces: Sequence[Piece]) -> list[Piece]:
        """PURGE each once; return those where something went."""
        gone = []
        for piece, answer in zip(pieces, await self._ask([piece.request("PURGE") for piece in pieces]), strict=True):
            if isinstance(answer, Purged):
                piece.trouble = answer
            elif answer.status == 200:
                piece.removed += 1
                gone.append(piece)
            elif answer.status != 404:
                piece.trouble = declined(piece, answer)
        return gone

    async def _empty(self, pieces: Sequence[Piece]) -> None:
        """PURGE each until nothing is left of it."""
        for pause in CONFIRM_SECONDS:
            if not (pieces := await self._purge(pieces)):
                return
            await asyncio.sleep(pause)

    async def _held(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Those of which the cache would serve a copy."""
        held = []
        replies = await self._wire.ask_many([piece.request("GET", _PROBE) for piece in pieces])
        for piece, reply in zip(pieces, replies, strict=True):
            if isinstance(reply, Answer) and reply.status == NOT_HELD:
                continue
            answer = settled(reply)
            if isinstance(answer, Purged):
                piece.trouble = answer
            elif 400 <= answer.status < 500 and answer.status not in _STORED_ERRORS:
                piece.trouble = declined(piece, answer)
            else:
                held.append(piece)
        return held

    async def _verify(self, pieces: Iterable[Piece]) -> None:
        """Ask of each that had no trouble whether something is left."""
        for piece in await self._held([piece for piece in pieces if not piece.trouble]):
            piece.trouble = Purged(Delivery.DELIVERED, 200, "stored again as fast as it is purged")


def outcome(pieces: Sequence[Piece]) -> Purged:
    """What became of an order that these were the pieces of."""
    removed = sum(piece.removed for piece in pieces)
    trouble = next((piece.trouble for piece in pieces if piece.trouble), None)
    if trouble and trouble.delivery is Delivery.DELIVERED:
        return replace(trouble, count=removed)
    return trouble or Purged(Delivery.VERIFIED, NOT_HELD, count=removed)


def declined(piece: Piece, answer: Answer) -> Purged:
    """The outcome where the cache does not do what it was asked. Some take no request with odd bytes or of great
    length, from clients neither: such a target is no mistake in the settings."""
    odd = not piece.target.path.isascii() or len(piece.target.path) > _LONG
    if odd and answer.status in (400, 414):
        detail = f"status {answer.status}: this cache takes no request for such a target"
        return Purged(Delivery.DELIVERED, answer.status, detail)
    return refused(answer)
