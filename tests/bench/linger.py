"""Linger: the time from the listing of an image in three caches to its last copy purged, and to its first refusal."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from tests.bench.measurement import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.pictures import drawn
from tests.bench.synthetic_sightings import fill, keep_on_disk, running
from tests.support.eventually import until

from edgeward.demo.caches import Nginx, Squid
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack
from edgeward.errors import Unavailable
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import HashingSettings

LIST = "bench"
PATIENCE_SECONDS = 10.0
READING_SECONDS = 120.0
MEDIAN = Budget("<=", 25)
WORST = Budget("<=", 100)
FIRST_BLOCK = Budget("<=", 50)
BESIDE = (Nginx, Squid)
"""Caches that hold the same images as the Varnish behind Edgeward, filled directly."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph that is served, and how it is listed."""

    photo: Photo
    sha256: str
    signal: str


def measure(effort: Effort) -> Section:
    """Three caches, Edgeward in front with two workers; each image is listed by its PDQ, one after the other."""
    seen = effort.entries[-1] if effort.rounds > 2 else effort.entries[-1] // 2
    pictures = [_picture(number) for number in range(2 * effort.listings)]
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, _stack(Path(name), seen) as stack:
        stack.edge.create_list(LIST)
        _serve(stack, pictures)
        lingering, blocking = pictures[: effort.listings], pictures[effort.listings :]
        gone = [_seconds_until(stack, picture, partial(_is_gone, stack)) for picture in lingering]
        verified = _verified(stack, len(lingering))
        blocked = [_seconds_until(stack, picture, lambda path: stack.get(path).status == 451) for picture in blocking]
        caches = list(stack.inner)
    how = (
        f"{effort.listings} images in {', '.join(caches[:-1])} and {caches[-1]}, each listed by its PDQ through the "
        f"admin API, with {seen:,} other images on record and in the index. Verified gone: as Edgeward records it, "
        "from the listing to the answer of the last cache that verified its purge; below it each cache by itself. "
        "Gone: from the request to list it until no cache has it, asked directly all the time. First block: from the "
        "request to list it until the first 451 for a client that asks all the time. The cost of asking is included."
    )
    rows = [
        *_rows("Listing to verified gone from all", [max(each.values()) for each in verified], MEDIAN, WORST),
        *(row for cache in caches for row in _rows(f"The same, {cache}", [each[cache] for each in verified])),
        *_rows("Request to gone from all", gone),
        *_rows("Request to first block in front", blocked, worst=FIRST_BLOCK),
    ]
    return Section(f"Linger, three caches, {seen:,} images seen", how, rows)


@contextmanager
def _stack(directory: Path, seen: int) -> Iterator[Stack]:
    """Varnish behind Edgeward and the others beside it, and a store with `seen` sightings, all in the index."""
    store = directory / "store"
    store.mkdir()
    with running(store) as url:
        fill(url, range(seen), targets=1)
        asyncio.run(keep_on_disk(url))
        with Stack(directory, settings={"store": {"url": url}}, beside=BESIDE) as stack:
            until(lambda: stack.edge.metric("edgeward_retro_images") >= seen, "the index", READING_SECONDS, pause=0.1)
            yield stack


def _picture(number: int) -> Picture:
    body = drawn(number)
    found = fingerprint(body, HashingSettings(signals=("sha256", "pdq")))
    pdq = next(signal.value for signal in found.signals if signal.type == "pdq")
    return Picture(Photo(f"{number}.jpg", body), found.sha256, f"pdq:{pdq}")


def _serve(stack: Stack, pictures: Sequence[Picture]) -> None:
    """Have every picture delivered and cached everywhere, with a sighting."""
    for picture in pictures:
        path = picture.photo.path
        stack.serve(picture.photo)
        answers = [stack.get(path), *(stack.get(path, at=node) for node in stack.inner.values())]
        held = [stack.held(path, at=node) for node in stack.inner.values()]
        if any(answer.status != 200 for answer in answers) or not all(held):
            raise Unavailable(f"{path} was not delivered and cached")
    for picture in pictures:
        until(partial(_on_record, stack, picture), "a sighting", PATIENCE_SECONDS)


def _on_record(stack: Stack, picture: Picture) -> bool:
    return bool(stack.edge.api("GET", f"/sightings?sha256={picture.sha256}")["sightings"])


def _is_gone(stack: Stack, path: str) -> bool:
    return not any(stack.held(path, at=node) for node in stack.inner.values())


def _seconds_until(stack: Stack, picture: Picture, holds: Callable[[str], bool]) -> float:
    """Seconds from the request to list it until `holds`, whether or not the request has been answered by then."""
    with ThreadPoolExecutor(1) as pool:
        started = perf_counter()
        listing = pool.submit(stack.edge.api, "POST", f"/lists/{LIST}/entries", {"hashes": [picture.signal]})
        until(lambda: holds(picture.photo.path), "it", PATIENCE_SECONDS, pause=0.001)
        seconds = perf_counter() - started
        listing.result()
    return seconds


def _verified(stack: Stack, expected: int) -> list[dict[str, float]]:
    """The linger of every order at each cache, once all were verified."""
    entries = [entry["id"] for entry in stack.edge.api("GET", f"/lists/{LIST}/entries?limit=1000")["entries"]]

    def settled() -> bool:
        purges = stack.edge.purges_of(entries)
        return len(purges) >= expected and not any(purge["owed"] for purge in purges)

    until(settled, "the end of all purges", PATIENCE_SECONDS)
    outcomes = [purge["outcomes"] for purge in stack.edge.purges_of(entries)]
    if any(outcome["delivery"] != "verified" for each in outcomes for outcome in each.values()):
        raise Unavailable("a purge was not verified")
    for cache in stack.inner:
        if stack.edge.metric(f'edgeward_linger_seconds_count{{cache="{cache}"}}') < len(outcomes):
            raise Unavailable("edgeward_linger_seconds has missed some of the purges")
    return [{cache: outcome["linger_seconds"] for cache, outcome in each.items()} for each in outcomes]


def _rows(what: str, seconds: Sequence[float], median: Budget | None = None, worst: Budget | None = None) -> list[Row]:
    rows = []
    for name, share, budget in (("p50", 0.5, median), ("p99", 0.99, worst)):
        figure = percentile(seconds, share) * 1000
        rows.append(Row(f"{what}, {name}", quantity(figure, "ms"), "", figure, "ms", budget))
    return rows
