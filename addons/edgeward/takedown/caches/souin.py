"""Souin, also as Caddy's cache-handler: `PURGE {api_path}/{regular expression}`, and `GET` of the same, which lists
keys (github.com/darkweak/souin, README, "Souin API").

A key is METHOD-scheme-host-path?query, the path with its percent-encoding undone, and for a variant `{-VARY-}...`
behind it; the storages keep the variants of a key together under `IDX_` and the key. The answer to a purge is 204
whether or not there was anything, so only what was listed before and no longer is counts as verified.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes, urlsplit

from edgeward.cache_settings import SouinCache
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.base import Abilities, Purged
from edgeward.takedown.caches.local import LocalDriver, confirmed, refused
from edgeward.takedown.caches.wire import Request
from edgeward.types import Delivery, PurgeOrder, Target

_VARIANT = r"(?:\x{7B}-VARY-\x{7D}.*)?"
_UNLISTED = "no such key is listed: nothing is stored there, or its keys are of another shape"
_STILL_LISTED = "still listed after many purges: does its storage know regular expressions?"


class Souin(LocalDriver):
    """One regular expression for all that a target is stored under: both schemes, every variant."""

    name = "souin"
    abilities = Abilities(all_variants=True, prefix=True, tag=True, regex=True, verifies=True, batch=32)
    settings: SouinCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._empty([f"{_start(order.target)}{_VARIANT}$" for order in orders])

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._empty([_start(order.target) for order in orders])

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        if not self.settings.tags:
            return await super()._tags(orders)
        answers = await self._ask([self._request("PURGE", "", (("Surrogate-Key", order.tag),)) for order in orders])
        return [_accepted(answer) for answer in answers]

    async def _empty(self, patterns: Sequence[str]) -> list[Purged]:
        async def again(left: list[int]) -> list[Answer | Purged]:
            await self._purge([patterns[number] for number in left])
            return await self._listed([patterns[number] for number in left])

        before = await self._listed(patterns)
        answers = await self._purge(patterns)
        after = await confirmed(await self._listed(patterns), _is_listed, again)
        return [_outcome(*three) for three in zip(before, answers, after, strict=True)]

    async def _purge(self, patterns: Sequence[str]) -> list[Answer | Purged]:
        return await self._ask([self._request("PURGE", pattern) for pattern in patterns])

    async def _listed(self, patterns: Sequence[str]) -> list[Answer | Purged]:
        """Status 200: there are keys that match; 404: there are none."""
        return await self._ask([self._request("GET", pattern) for pattern in patterns])

    def _request(self, method: str, rest: str, headers: Sequence[tuple[str, str]] = ()) -> Request:
        host = urlsplit(self.settings.url).netloc.rpartition("@")[2]
        return Request(method, host, f"{self.settings.api_path}/{rest}", headers)


def _is_listed(answer: Answer | Purged) -> bool:
    return answer.status == 200


def _outcome(before: Answer | Purged, answer: Answer | Purged, after: Answer | Purged) -> Purged:
    if answer.status != 204:
        return _no(answer)
    if after.status == 200:
        return Purged(Delivery.REFUSED, 204, _STILL_LISTED)
    if after.status != 404:
        return _no(after)
    if before.status == 200:
        return Purged(Delivery.VERIFIED, 204, count=1)
    return Purged(Delivery.DELIVERED, 204, _UNLISTED, 0)


def _accepted(answer: Answer | Purged) -> Purged:
    if answer.status != 204:
        return _no(answer)
    return Purged(Delivery.DELIVERED, 204, "Souin does not say what it removed")


def _no(answer: Answer | Purged) -> Purged:
    return answer if isinstance(answer, Purged) else refused(answer)


def _start(target: Target) -> str:
    """A regular expression (Go's syntax) for how the keys of a target begin, whatever parts its key is set to have."""
    path, _, query = target.path.partition("?")
    key = _literal(unquote_to_bytes(path.encode("latin-1")) + (f"?{query}".encode("latin-1") if query else b""))
    port = "" if ":" in target.host else r"(?:\x{3A}[0-9]+)?"
    return f"^(?:IDX_)?(?:[A-Z]+-)?(?:https?-)?(?:(?i:{_literal(target.host.encode('latin-1'))}){port}-)?{key}"


def _literal(data: bytes) -> str:
    r"""Whatever is no ASCII letter or digit by its code point. Go reads a byte that is not UTF-8 as U+FFFD."""
    return "".join(char if char.isascii() and char.isalnum() else _code(char) for char in _text(data))


def _text(data: bytes) -> str:
    return re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))


def _code(char: str) -> str:
    return f"\\x{{{ord(char):X}}}"
