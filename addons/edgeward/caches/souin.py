"""Souin, also as Caddy's cache-handler: `PURGE {api_path}/{regular expression}`, and `GET` of the same, which lists
keys (github.com/darkweak/souin, README, "Souin API").

A key is METHOD-scheme-host-path?query, with the path percent-decoded; a variant's key has `{-VARY-}...` appended. The
storages index the variants of a key under `IDX_` and the key. A purge returns 204 whether or not there was anything, so
an outcome is verified only when keys were listed before the purge and none are afterwards.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes, urlsplit

from edgeward.caches.base import Abilities, Purged
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import SelfHostedDriver, refused, repeat_until_gone
from edgeward.settings.cache_settings import SouinCache
from edgeward.types import Delivery, PurgeOrder, Target

_VARIANT = r"(?:\x{7B}-VARY-\x{7D}.*)?"
_NOT_LISTED = "no key matches: nothing is cached, or this Souin's keys have another format"
_STILL_LISTED = "still listed after many purges: does its storage support regular expressions?"


class Souin(SelfHostedDriver):
    """One regular expression for every key of a target: both schemes, all variants."""

    name = "souin"
    abilities = Abilities(all_variants=True, prefix=True, tag=True, regex=True, verifies=True, batch=32)
    settings: SouinCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_until_gone([f"{_key_pattern(order.target)}{_VARIANT}$" for order in orders])

    async def _prefixes(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        return await self._purge_until_gone([_key_pattern(order.target) for order in orders])

    async def _tags(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        requests = [self._request("PURGE", "", (("Surrogate-Key", order.tag),)) for order in orders]
        return [
            Purged(Delivery.DELIVERED, 204, "Souin does not say what it removed")
            if response.status == 204
            else _failure(response)
            for response in await self._send(requests)
        ]

    async def _purge_until_gone(self, patterns: Sequence[str]) -> list[Purged]:
        async def purge(patterns: Sequence[str]) -> list[HttpResponse | Purged]:
            return await self._send([self._request("PURGE", pattern) for pattern in patterns])

        async def listed(patterns: Sequence[str]) -> list[HttpResponse | Purged]:
            """Status 200: some keys match; 404: none does."""
            return await self._send([self._request("GET", pattern) for pattern in patterns])

        async def repeat(numbers: list[int]) -> list[HttpResponse | Purged]:
            left = [patterns[number] for number in numbers]
            await purge(left)
            return await listed(left)

        # A purge alone tells nothing: it returns 204 also for a pattern that matches no key.
        before = await listed(patterns)
        purged = await purge(patterns)
        after = await repeat_until_gone(await listed(patterns), lambda response: response.status == 200, repeat)
        return [_outcome(*each) for each in zip(before, purged, after, strict=True)]

    def _request(self, method: str, pattern: str, headers: Sequence[tuple[str, str]] = ()) -> RawHttpRequest:
        # The API is selected by the path, below the host of `url`; the host to purge is part of the pattern.
        host = urlsplit(self.settings.url).netloc.rpartition("@")[2]
        return RawHttpRequest(method, host, f"{self.settings.api_path}/{pattern}", headers)


def _outcome(before: HttpResponse | Purged, purged: HttpResponse | Purged, after: HttpResponse | Purged) -> Purged:
    if purged.status != 204:
        return _failure(purged)
    if after.status == 200:
        return Purged(Delivery.REFUSED, 204, _STILL_LISTED)
    if after.status != 404:
        return _failure(after)
    if before.status == 200:
        return Purged(Delivery.VERIFIED, 204, count=1)
    return Purged(Delivery.DELIVERED, 204, _NOT_LISTED)


def _failure(response: HttpResponse | Purged) -> Purged:
    return response if isinstance(response, Purged) else refused(response)


def _key_pattern(target: Target) -> str:
    """A regular expression (Go's syntax) for the beginning of a target's keys, whichever parts Souin puts in them."""
    path, _, query = target.path.partition("?")
    key = _literal(unquote_to_bytes(path.encode("latin-1")) + (f"?{query}".encode("latin-1") if query else b""))
    # A key may have a port although the host of the target has none.
    port = "" if ":" in target.host else r"(?:\x{3A}[0-9]+)?"
    return f"^(?:IDX_)?(?:[A-Z]+-)?(?:https?-)?(?:(?i:{_literal(target.host.encode('latin-1'))}){port}-)?{key}"


def _literal(data: bytes) -> str:
    r"""`data` as a pattern of ASCII characters: all but letters and digits by their code point, `\x{2F}`."""
    # Go reads each byte that is not valid UTF-8 as U+FFFD.
    text = re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))
    return "".join(char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):X}}}" for char in text)
