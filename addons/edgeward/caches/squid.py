"""Squid 5, with deploy/squid/edgeward.conf, or any Squid that accepts PURGE."""

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, permutations, product, zip_longest
from urllib.parse import urlsplit

from edgeward.caches.base import Abilities, Purged
from edgeward.caches.htcp import send_clear
from edgeward.caches.purge_method import CachedObject, PurgeMethodDriver, outcome
from edgeward.caches.raw_http import RawHttpRequest, ResponseOrError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import refused, response_or_outcome, variant_headers
from edgeward.settings.cache_settings import CacheSettings, SquidCache
from edgeward.types import UNKNOWN_VARY, Delivery, PurgeOrder, Target

logger = logging.getLogger(__name__)

_OVERWRITTEN = 410
"""Status with which edgeward.conf overwrites a variant."""
_STARTING_PAUSES_SECONDS = (0.05, 0.1, 0.2)
"""A Squid that has just started may not find its own port yet, and responds to an overwrite with 502 or 503."""
_MAX_VARY_HEADERS = 4
"""Up to this many names in Vary, a variant is searched for under every order of them."""
_MAX_CHOICES = 3
"""A header without a value was absent or empty, one with a comma may have been two. Up to this many such headers, all
combinations are searched for."""
_SINGLE_FIELDS = frozenset(
    ("authorization", "cookie", "from", "if-modified-since", "if-range", "origin", "proxy-authorization", "referer",
     "user-agent")
)  # fmt: skip
"""If a request repeats one of these, Squid takes the first; of others it joins the values, as Edgeward does."""
_OF_OUR_REQUESTS = frozenset(("cache-control", "edgeward-forget", "edgeward-secret"))
"""Our own requests to Squid have these headers: what varies by them can't be searched for."""
_CONF_MISSING = "this Squid does not include edgeward.conf: variants of a response with Vary may remain"
_CHANGED_ON_THE_WAY = frozenset(
    ("authorization", "connection", "forwarded", "if-modified-since", "if-none-match", "if-range", "keep-alive",
     "max-forwards", "proxy-authorization", "proxy-connection", "range", "surrogate-capability", "te", "via",
     "x-forwarded-for")
)  # fmt: skip
"""Squid adds, changes or leaves out these headers where it asks the origin, and stores by what the client sent."""
_NAMED_AS_IT_IS = re.compile(r"[ !#-$&-~]+")
"""Names that edgeward.conf can write into Vary byte for byte."""
_UNKNOWN_KEY = "Vary names headers that can't be asked for: Squid may still hold copies that can't be searched for"
_TOO_MANY_HEADERS = "Vary names too many headers: Squid may still hold copies that can't be searched for"

type HeaderNames = tuple[str, ...]
type Headers = tuple[tuple[str, str], ...]


class Squid(PurgeMethodDriver):
    """PURGE until nothing is left, and a probe. Variants are overwritten first, and then dropped.

    Squid stores a variant under the URL and the values of the headers that Vary names, as often as and in the order in
    which it names them. It keeps these
    names in a marker object under the URL alone. Any PURGE removes the marker: variants that are left cannot be found
    then, until the next fetch writes the marker anew. So variants are never purged: edgeward.conf explains what
    happens instead.
    """

    name = "squid"
    server_mark = "squid"
    # origin_seconds: `read_timeout` is 15 minutes, but Squid ends a fetch that has no headers yet as soon as its client
    # leaves, and Edgeward's own tries leave sooner.
    abilities = Abilities(counts=True, verifies=True, batch=64, origin_seconds=60.0)
    settings: SquidCache

    def __init__(self, settings: SquidCache) -> None:
        super().__init__(settings)
        self._conf_found = False

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        objects_of_orders = [_cached_objects(order.target) for order in orders]
        objects = [each for of_order in objects_of_orders for each in of_order]
        plain = [each for each in objects if not each.target.vary]
        unknown = [each for each in objects if _is_unsearchable(each.target)]
        varying = [each for each in objects if each.target.vary and not _is_unsearchable(each.target)]
        if self.settings.htcp:
            await self._send_htcp(self.settings.htcp, plain)
        await self._purge_until_gone(plain)
        await self._purge_once(unknown)
        for each in unknown:
            each.problem = each.problem or Purged(Delivery.UNSUPPORTED, 200, _UNKNOWN_KEY)
        if varying and await self._require_conf(varying):
            await self._overwrite(varying)
        await self._verify(objects)
        return [outcome(of_order) for of_order in objects_of_orders]

    async def _send_htcp(self, address: str, objects: Sequence[CachedObject]) -> None:
        """Purge by HTCP too, under the scheme that Squid stores by: that of its own port."""
        scheme = urlsplit(self.settings.url).scheme
        try:
            await send_clear(address, [replace(each.target, scheme=scheme) for each in objects])
        except OSError as error:
            logger.warning("%s: cannot send HTCP to %s: %s", self.settings.name, address, error)

    async def _verify(self, objects: Iterable[CachedObject]) -> None:
        """As for other caches, after Edgeward's own 410 is purged too, where Squid has stored that."""
        left = await self._still_cached([each for each in objects if not each.problem])
        if left:
            # A refresh_pattern with ignore-no-store, and an edgeward.conf of an earlier version.
            own = [each for each, reply in zip(left, await self._probe(left), strict=True) if _is_own(reply)]
            # Purged apart: it is no copy that counts.
            await self._purge_until_gone([CachedObject(each.target, each.headers) for each in own])
            await super()._verify(left)

    async def _require_conf(self, objects: Sequence[CachedObject]) -> bool:
        """Whether Squid includes edgeward.conf. If not, the objects get a plain PURGE and a problem instead."""
        if self._conf_found:
            return True
        # Without edgeward.conf Squid would pass the secret on to the origin, and might store the response.
        headers = (("Edgeward-Forget", "-"), ("Cache-Control", "no-store"))
        request = RawHttpRequest("GET", urlsplit(self.settings.url).netloc, "/", headers)
        (reply,) = await self._http.ask_many([request])
        self._conf_found = isinstance(reply, HttpResponse) and "edgeward-forgets" in reply.headers
        if self._conf_found:
            return True
        problem = reply if isinstance(reply, HttpResponse) else response_or_outcome(reply)
        if isinstance(problem, HttpResponse):
            await self._purge_once(objects)
            # What answers the probe too is no Squid, or has a copy left.
            await super()._verify([each for each in objects if not each.problem])
            problem = Purged(Delivery.DELIVERED, 200, _CONF_MISSING)
        for each in objects:
            each.problem = each.problem or problem
        return False

    async def _overwrite(self, objects: Sequence[CachedObject]) -> None:
        """Replace each variant by a response that edgeward.conf makes, then drop that."""
        # An overwrite does not tell whether there was anything: a probe before it does.
        for each in await self._still_cached(objects):
            each.removed += 1
        for group in _groups_by_vary_order(objects):
            for some in _one_of_each_url(group):
                await self._forget([(each, ",".join(names)) for each, names in some])
                await self._forget([(each, "-") for each, _ in some])
        for each in objects:
            if _has_unknown_order(each.target) or sum(len(of) > 1 for of in _choices(each.target)) > _MAX_CHOICES:
                each.problem = each.problem or Purged(Delivery.UNSUPPORTED, _OVERWRITTEN, _TOO_MANY_HEADERS)

    async def _forget(self, forgets: Sequence[tuple[CachedObject, str]]) -> None:
        """Make Squid overwrite each object by a response that varies by these names, or drop it where that is "-"."""
        forgets = [(each, names) for each, names in forgets if not each.problem]
        requests = [each.request("GET", ("Edgeward-Forget", names)) for each, names in forgets]
        responses = await self._send(requests)
        for pause in _STARTING_PAUSES_SECONDS:
            if not any(response.status in (502, 503) for response in responses):
                break
            await asyncio.sleep(pause)
            responses = await self._send(requests)
        for (each, _), response in zip(forgets, responses, strict=True):
            if isinstance(response, Purged):
                each.problem = response
            elif response.status != _OVERWRITTEN:
                # The configuration may have been changed since it was found.
                self._conf_found = "edgeward-forgets" in response.headers
                each.problem = refused(response)
            else:
                each.is_evident |= _is_own(response)


def _is_own(reply: ResponseOrError) -> bool:
    """Whether it is a response that edgeward.conf has made."""
    return isinstance(reply, HttpResponse) and reply.status == _OVERWRITTEN and "edgeward-forgets" in reply.headers


def _cached_objects(target: Target) -> list[CachedObject]:
    """Every variant that the target may stand for: Squid distinguishes an empty header from an absent one, and headers
    from one with a comma; a target does not."""
    # The number of combinations is bounded.
    variants = islice(product(*_choices(target)), 2**_MAX_CHOICES)
    return [CachedObject(target, tuple(chain.from_iterable(variant))) for variant in variants]


def _choices(target: Target) -> list[list[Headers]]:
    """By header of Vary, what a client may have sent."""
    found: list[list[Headers]] = []
    for name, value in variant_headers(target):
        choices: list[Headers] = [((name, value),)] if value else [(), ((name, ""),)]
        # An empty first field is not joined by a comma.
        if value.startswith(", ") or (", " in value and name in _SINGLE_FIELDS):
            choices.append(tuple([(name, part) for part in value.split(", ")]))
        found.append(choices)
    return found


def _is_unsearchable(target: Target) -> bool:
    """Whether a variant is stored under a header that our requests can't have as the client's had it."""
    sent = variant_headers(target)
    return any(
        name in _OF_OUR_REQUESTS
        or name == UNKNOWN_VARY
        or not _NAMED_AS_IT_IS.fullmatch(name)
        or "\\" in name
        or (value and name != "host" and (name, value) not in sent)
        for name, value in target.vary
    )


def hides_variant(caches: Iterable[CacheSettings], target: Target) -> bool:
    """Whether one of these caches would store a response to its own request, made in placement fill, as a variant that
    no purge can name: then it must not store it."""
    if not any(isinstance(cache, SquidCache) for cache in caches):
        return False
    return _is_unsearchable(target) or any(name in _CHANGED_ON_THE_WAY for name, _ in target.vary)


def _has_unknown_order(target: Target) -> bool:
    """Whether the names in Vary may have come in another order, too many to try: earlier versions sorted them."""
    names = [name for name, _ in target.vary]
    return len(names) > _MAX_VARY_HEADERS and names == sorted(names)


def _groups_by_vary_order(objects: Sequence[CachedObject]) -> Iterator[list[tuple[CachedObject, HeaderNames]]]:
    """Groups in which all variants of a URL have the names of Vary in the same order.

    Each order has a marker of its own, and Squid keeps one marker a URL: groups must be worked off one by one.
    """
    urls: dict[tuple[str, str], dict[HeaderNames, list[CachedObject]]] = defaultdict(lambda: defaultdict(list))
    for each in objects:
        for names in _vary_orders(each.target):
            urls[each.target.host, each.target.path][names].append(each)
    for orders in zip_longest(*(url.items() for url in urls.values())):
        yield [(each, names) for names, same_order in filter(None, orders) for each in same_order]


def _one_of_each_url(
    group: Sequence[tuple[CachedObject, HeaderNames]],
) -> Iterator[list[tuple[CachedObject, HeaderNames]]]:
    """Parts of a group with one variant of a URL at a time. With `ignore-no-store` the response that drops a variant
    also takes the place of the marker, so the other variants are not found until the next overwrite."""
    by_url: dict[tuple[str, str], list[tuple[CachedObject, HeaderNames]]] = defaultdict(list)
    for each, names in group:
        by_url[each.target.host, each.target.path].append((each, names))
    for some in zip_longest(*by_url.values()):
        yield list(filter(None, some))


def _vary_orders(target: Target) -> Iterable[HeaderNames]:
    names = tuple(name for name, _ in target.vary)
    return dict.fromkeys(permutations(names)) if len(names) <= _MAX_VARY_HEADERS else (names,)
