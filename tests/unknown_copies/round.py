"""One round: sequences of requests, then all their images are listed, then the cache is asked for each of them."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.unknown_copies.client import send
from tests.unknown_copies.origin import SequenceOrigin
from tests.unknown_copies.requests import HOST, Request, sequence
from tests.unknown_copies.resources import Resource, path_of, resource
from tests.unknown_copies.site import LIST, Site

CLIENTS = 24
WAIT_SECONDS = 60
NONE_LEFT = frozenset({"gone", "found_nothing", "nothing"})
"""States of a receipt that say that no copy is left, or that there was none."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that the cache still serves, and the request that gets it. `number` is that of its sequence."""

    number: int
    request: Request

    def __str__(self) -> str:
        return f"sequence {self.number}: {self.request.encode()[:300]!r}"


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What the caches held.

    Attributes:
        stored: number of resources of which the cache held a copy before the listing.
        unknown: copies that the cache serves after it, though their receipt says that none is left.
        known: such copies whose receipt says that they are not, or not known to be, gone; or that were gone by the
            time at which it said that none is left.
    """

    stored: int
    unknown: Sequence[Copy]
    known: Sequence[Copy]


def run_round(site: Site, origin: SequenceOrigin, seed: int, numbers: range) -> RoundResult:
    """Run the sequences of these numbers at a site, and list their images."""
    origin.emptied = False
    asyncio.run(_send_all(site, seed, numbers))
    origin.emptied = True
    resources = [resource(seed, number) for number in numbers]
    stored = asyncio.run(_copies(site, origin, seed, resources))
    hashes = [f"sha256:{digest}" for each in resources for digest in each.digests]
    path = f"/lists/{LIST}/entries?wait=verified&timeout={WAIT_SECONDS}"
    answer = site.edge.api("POST", path, {"hashes": hashes, "reason": "end of the round"})
    entry_of = {entry["value"]: entry["id"] for entry in answer["entries"]}
    left = asyncio.run(_copies(site, origin, seed, resources))
    by_number = {copy.number: resource(seed, copy.number) for copy in left}
    none_left = [what for what in by_number.values() if _says_none_is_left(site, [entry_of[d] for d in what.digests])]
    # A receipt speaks of the time at which it is read: what was purged since the cache was asked is no false word.
    unknown = asyncio.run(_copies(site, origin, seed, none_left))
    known = [copy for copy in left if copy not in unknown]
    return RoundResult(len({copy.number for copy in stored}), unknown, known)


def _says_none_is_left(site: Site, entries: Sequence[str]) -> bool:
    """Whether all receipts of these entries say so."""
    return all(site.edge.api("GET", f"/entries/{entry}/receipt")["state"] in NONE_LEFT for entry in entries)


async def _send_all(site: Site, seed: int, numbers: range) -> None:
    slots = asyncio.Semaphore(CLIENTS)

    async def send_sequence(number: int) -> None:
        async with slots:
            for request in sequence(seed, number):
                await send(site.client_address, request)

    await asyncio.gather(*map(send_sequence, numbers))


async def _copies(site: Site, origin: SequenceOrigin, seed: int, resources: Sequence[Resource]) -> list[Copy]:
    """What the cache itself answers with the image of a resource."""
    slots = asyncio.Semaphore(CLIENTS)

    async def probe(what: Resource, request: Request) -> Copy | None:
        async with slots:
            answer = await send(site.cache.address, request)
        return Copy(what.number, request) if what.is_in(answer) else None

    probes = [probe(what, request) for what in resources for request in _probes(origin, seed, what.number)]
    return [copy for copy in await asyncio.gather(*probes) if copy]


def _probes(origin: SequenceOrigin, seed: int, number: int) -> Iterator[Request]:
    """Every form in which the resource was asked for: by the clients, and by the cache at the origin."""
    asked = [request.probe() for request in sequence(seed, number)]
    forms = [Request(b"GET", target, b"HTTP/1.1", host, b"") for target, host in origin.seen[number]]
    plain = Request(b"GET", path_of(number), b"HTTP/1.1", HOST, b"")
    yield from dict.fromkeys([*asked, *forms, plain])
