"""Squid 5, with deploy/squid/edgeward.conf, or any Squid that takes PURGE."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations, product, zip_longest
from urllib.parse import urlsplit

from edgeward.cache_settings import SquidCache
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.htcp import send_clear
from edgeward.takedown.caches.local import settled, varying
from edgeward.takedown.caches.purge_method import Piece, PurgeMethodDriver, declined, outcome
from edgeward.takedown.caches.wire import Reply, Request
from edgeward.types import Delivery, PurgeOrder, Target

logger = logging.getLogger(__name__)

_GONE = 410
_REVIVED_SECONDS = (0.05, 0.1, 0.2)
"""Pauses for a Squid that has just started and takes its own port for dead."""
_MAX_NAMES = 4
"""In Vary: a variant is looked for under all orders of its names."""
_MAX_EMPTY = 3
"""Headers of a variant that were absent or empty: it is looked for under all combinations."""
_NO_DOOR = "this Squid does not include edgeward.conf: variants of a response with Vary may be left"
_TOO_MANY = "too many headers in Vary to look for each copy that Squid may have lost sight of"

type Names = tuple[str, ...]


class Squid(PurgeMethodDriver):
    """PURGE until nothing is left, and a probe. What varies is overwritten first, and then dropped.

    Squid stores variants under the URL and what the headers hold that Vary names, in Vary's order, and keeps these
    names in a note under the URL alone. Any PURGE takes the note away: variants that are left can't be found then,
    until the next fetch writes the note anew. So they are never purged: edgeward.conf explains what happens instead.
    """

    name = "squid"
    abilities = Abilities(counts=True, verifies=True, batch=64)
    settings: SquidCache

    def __init__(self, settings: SquidCache) -> None:
        super().__init__(settings)
        self._has_door = False

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        works = [_pieces(order.target) for order in orders]
        plain = [piece for work in works for piece in work if not piece.target.vary]
        if self.settings.htcp:
            await self._clear(self.settings.htcp, plain)
        await self._empty(plain)
        varied = [piece for work in works for piece in work if piece.target.vary]
        if varied and await self._door(varied):
            await self._overwrite(varied)
        await self._verify(piece for work in works for piece in work)
        return [outcome(work) for work in works]

    async def _clear(self, address: str, pieces: Sequence[Piece]) -> None:
        """Tell it over HTCP too, under the scheme that it stores by: that of its own port."""
        scheme = urlsplit(self.settings.url).scheme
        try:
            await send_clear(address, [replace(piece.target, scheme=scheme) for piece in pieces])
        except OSError as error:
            logger.warning("%s: no HTCP to %s: %s", self.settings.name, address, error)

    async def _door(self, pieces: Sequence[Piece]) -> bool:
        """Whether edgeward.conf is there. Asked without the secret, and so that nothing that answers is stored."""
        if not self._has_door:
            headers = (("Edgeward-Forget", "-"), ("Cache-Control", "no-store"))
            (reply,) = await self._wire.ask_many([Request("GET", urlsplit(self.settings.url).netloc, "/", headers)])
            self._has_door = isinstance(reply, Answer) and "edgeward-forgets" in reply.headers
            if not self._has_door:
                await self._without_door(pieces, reply)
        return self._has_door

    async def _without_door(self, pieces: Sequence[Piece], reply: Reply) -> None:
        """All that can be done: to PURGE the pieces, if Squid answers at all."""
        answer = reply if isinstance(reply, Answer) else settled(reply)
        if isinstance(answer, Answer):
            await self._purge(pieces)
            answer = Purged(Delivery.DELIVERED, 200, _NO_DOOR)
        for piece in pieces:
            piece.trouble = piece.trouble or answer

    async def _overwrite(self, pieces: Sequence[Piece]) -> None:
        for piece in await self._held(pieces):
            piece.removed += 1
        for round_ in _rounds(pieces):
            await self._forget([(piece, ",".join(names)) for piece, names in round_])
            await self._forget([(piece, "-") for piece, _ in round_])
        for piece in pieces:
            if not _all_spelled(piece.target):
                piece.trouble = piece.trouble or Purged(Delivery.DELIVERED, _GONE, _TOO_MANY)

    async def _forget(self, asked: Sequence[tuple[Piece, str]]) -> None:
        """Have each piece overwritten by a response that varies by the names, or with "-" dropped."""
        asked = [(piece, names) for piece, names in asked if not piece.trouble]
        requests = [piece.request("GET", ("Edgeward-Forget", names)) for piece, names in asked]
        answers = await self._ask(requests)
        for pause in _REVIVED_SECONDS:
            if not any(answer.status in (502, 503) for answer in answers):
                break
            await asyncio.sleep(pause)
            answers = await self._ask(requests)
        for (piece, _), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Purged):
                piece.trouble = answer
            elif answer.status != _GONE:
                self._has_door = "edgeward-forgets" in answer.headers
                piece.trouble = declined(piece, answer)


def _pieces(target: Target) -> list[Piece]:
    """A piece for each variant that the target may stand for: Squid tells an empty header from none, a target does
    not."""
    choices = [[(name, value)] if value else [None, (name, value)] for name, value in varying(target)]
    forms = islice(product(*choices), 2**_MAX_EMPTY)
    return [Piece(target, tuple([header for header in form if header])) for form in forms]


def _rounds(pieces: Sequence[Piece]) -> Iterator[list[tuple[Piece, Names]]]:
    """Rounds in which all variants of a URL are spelled with the same order of the names: since each order has a note
    of its own, and there is one note at a time."""
    urls: dict[tuple[str, str], dict[Names, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for piece in pieces:
        for spelling in _spellings(piece.target):
            urls[piece.target.host, piece.target.path][spelling].append(piece)
    for spellings in zip_longest(*(url.items() for url in urls.values())):
        yield [(piece, names) for names, same in filter(None, spellings) for piece in same]


def _spellings(target: Target) -> Iterable[Names]:
    names = tuple(name for name, _ in target.vary)
    return permutations(names) if len(names) <= _MAX_NAMES else (names,)


def _all_spelled(target: Target) -> bool:
    empty = sum(not value for _, value in target.vary)
    return len(target.vary) <= _MAX_NAMES and empty <= _MAX_EMPTY
