"""Linger: from the listing of an image that a Varnish holds to its copy gone, and to its first refusal in front."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from tests.bench.harness import Budget, Effort, Row, Section, percentile, quantity
from tests.bench.pictures import drawn

from edgeward.config import HashingSettings
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage
from edgeward.errors import Unavailable
from edgeward.hashing.fingerprint import fingerprint

LIST = "bench"
PATIENCE = 10.0
MEDIAN = Budget("<=", 25)
WORST = Budget("<=", 100)
FIRST_BLOCK = Budget("<=", 50)
VERIFIED = 'edgeward_linger_seconds_count{cache="varnish"}'


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph that is served, and how it is listed."""

    photo: Photo
    sha256: str
    signal: str


def measure(effort: Effort) -> Section:
    """One Varnish, Edgeward in front with two workers; each image is listed by its PDQ, one after the other."""
    pictures = [_picture(number) for number in range(2 * effort.listings)]
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name, Stage(Path(name), "front") as stage:
        stage.edge.create_list(LIST)
        _serve(stage, pictures)
        lingering, blocking = pictures[: effort.listings], pictures[effort.listings :]
        gone = [_race(stage, picture, lambda path: not stage.held(path)) for picture in lingering]
        verified = _verified(stage, len(lingering))
        blocked = [_race(stage, picture, lambda path: stage.get(path).status == 451) for picture in blocking]
    how = (
        f"{effort.listings} images, seen and cached, each listed by its PDQ through the admin API. Verified gone: as "
        "Edgeward records it, from the listing to the purge that Varnish's answer proved. Gone: from sending the "
        "listing to Varnish, asked directly all the time, no longer having it. First block: from sending the listing "
        "to the first 451 for a client that asks all the time; what asking costs is included."
    )
    rows = [
        *_rows("Listing to verified gone", verified, MEDIAN, WORST),
        *_rows("Request to gone from Varnish", gone, None, None),
        *_rows("Request to first block in front", blocked, None, FIRST_BLOCK),
    ]
    return Section("Linger, one Varnish", how, rows)


def _picture(number: int) -> Picture:
    body = drawn(number)
    found = fingerprint(body, (), HashingSettings(signals=("sha256", "pdq")))
    pdq = next(signal.value for signal in found.signals if signal.type == "pdq")
    return Picture(Photo(f"{number}.jpg", body), found.sha256, f"pdq:{pdq}")


def _serve(stage: Stage, pictures: Sequence[Picture]) -> None:
    """Have every picture delivered, cached and on record."""
    for picture in pictures:
        stage.serve(picture.photo)
        if stage.get(picture.photo.path).status != 200 or not stage.held(picture.photo.path):
            raise Unavailable(f"{picture.photo.path} was not delivered and cached")
    for picture in pictures:
        until(partial(_on_record, stage, picture), PATIENCE)


def _on_record(stage: Stage, picture: Picture) -> bool:
    return bool(stage.edge.api("GET", f"/sightings?sha256={picture.sha256}")["sightings"])


def _race(stage: Stage, picture: Picture, holds: Callable[[str], bool]) -> float:
    """Seconds from asking for the listing until it holds, whether or not the listing has been answered by then."""
    with ThreadPoolExecutor(1) as pool:
        started = perf_counter()
        listing = pool.submit(stage.edge.api, "POST", f"/lists/{LIST}/entries", {"hashes": [picture.signal]})
        until(lambda: holds(picture.photo.path), PATIENCE, pause=0.001)
        seconds = perf_counter() - started
        listing.result()
    return seconds


def _verified(stage: Stage, expected: int) -> list[float]:
    """The linger of every order, once each was verified."""
    entries = [entry["id"] for entry in stage.edge.api("GET", f"/lists/{LIST}/entries?limit=1000")["entries"]]

    def settled() -> bool:
        purges = stage.edge.purges_of(entries)
        return len(purges) >= expected and not any(purge["owed"] for purge in purges)

    until(settled, PATIENCE)
    outcomes = [purge["outcomes"]["varnish"] for purge in stage.edge.purges_of(entries)]
    if any(outcome["delivery"] != "verified" for outcome in outcomes):
        raise Unavailable("a purge was not verified")
    if stage.edge.metric(VERIFIED) < len(outcomes):
        raise Unavailable("edgeward_linger_seconds has missed some of the purges")
    return [outcome["linger_seconds"] for outcome in outcomes]


def _rows(what: str, seconds: Sequence[float], median: Budget | None, worst: Budget | None) -> list[Row]:
    rows = []
    for name, share, budget in (("p50", 0.5, median), ("p99", 0.99, worst)):
        figure = percentile(seconds, share) * 1000
        rows.append(Row(f"{what}, {name}", quantity(figure, "ms"), "", figure, "ms", budget))
    return rows
