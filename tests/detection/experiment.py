"""Every transform of every photograph, tried with every option: two processes, each with one picture at a time."""

import multiprocessing
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import Pool
from types import MappingProxyType
from typing import ClassVar

from tests.detection.imagehash_baseline import BaselineResult, ImagehashBaseline
from tests.detection.list_options import OPTIONS, Detection, ListedImages, Option, Pictures, listed
from tests.detection.photographs import Photograph
from tests.detection.transforms import GROUPS
from tests.detection.unrelated_images import UnrelatedImage

from edgeward.types import Signal

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to try.

    Attributes:
        every: one in so many photographs is transformed, and one in so many unrelated images is listed.
        baseline_every: one in so many of those photographs is tried with imagehash too.
        cost_seconds: duration of the measurement for each row of costs.
    """

    every: int
    baseline_every: int
    cost_seconds: float


FULL = Effort(every=1, baseline_every=4, cost_seconds=4.0)
QUICK = Effort(every=5, baseline_every=4, cost_seconds=0.5)


@dataclass(frozen=True, slots=True)
class Observation:
    """One transformed picture: its photograph, the transform, and the results of all options and of imagehash."""

    photograph: str
    transform: str
    detections: tuple[Detection, ...]
    baseline: BaselineResult | None = None

    def by(self, option: Option) -> Detection:
        return self.detections[OPTIONS.index(option)]


class Results:
    """All observations, and the listed signals of unrelated images by name. Shares are 0..1."""

    def __init__(self, observations: Sequence[Observation], unrelated: Pictures = MappingProxyType({})) -> None:
        self.observations = observations
        self.unrelated = unrelated

    def only(self, photographs: Iterable[str]) -> "Results":
        """The results of these photographs."""
        names = frozenset(photographs)
        return Results(
            [observation for observation in self.observations if observation.photograph in names], self.unrelated
        )

    def of(self, transforms: Iterable[str]) -> list[Observation]:
        names = frozenset(transforms)
        return [observation for observation in self.observations if observation.transform in names]

    def found(self, transforms: Iterable[str], option: Option) -> tuple[int, int]:
        """Number of pictures with one of these transforms that were found, and of all of them."""
        observations = self.of(transforms)
        return sum(observation.by(option).found for observation in observations), len(observations)

    def within(self, transforms: Iterable[str], option: Option, radius: int) -> float:
        """The share that is found with another radius of the option's signal type."""
        observations = self.of(transforms)
        return sum(_is_found(observation, option, radius) for observation in observations) / len(observations)

    def wrong(self, option: Option, radius: int) -> int:
        """Number of pictures that match another one, with another radius of the option's signal type."""
        return sum(_is_wrong(observation, option, radius) for observation in self.observations)

    def recall(self, transform: str, option: Option) -> float:
        found, tried = self.found((transform,), option)
        return found / tried

    def bits(self, transform: str, option: Option) -> float | None:
        """The median distance to the photograph's own entry."""
        distances = [observation.by(option).bits for observation in self.of((transform,))]
        known = [distance for distance in distances if distance is not None]
        return statistics.median(known) if known else None

    def baseline_recall(self, transform: str) -> float:
        baselines = [observation.baseline for observation in self.of((transform,)) if observation.baseline]
        return sum(baseline.found for baseline in baselines) / len(baselines)

    @property
    def baselines(self) -> list[BaselineResult]:
        return [observation.baseline for observation in self.observations if observation.baseline]


def _is_found(observation: Observation, option: Option, radius: int) -> bool:
    own, also = observation.by(option).bits, option.combined_with
    return (own is not None and own <= radius) or bool(also and observation.by(also).found)


def _is_wrong(observation: Observation, option: Option, radius: int) -> bool:
    detection, also = observation.by(option), option.combined_with
    distances = [distance for distance in (detection.other, detection.unrelated) if distance is not None]
    return min(distances, default=radius + 1) <= radius or bool(also and observation.by(also).wrong)


class _Shared:
    """Data of all processes: made before the fork, so that none has to be sent."""

    listed_images: ClassVar[ListedImages]
    baseline: ClassVar[ImagehashBaseline]
    chosen: ClassVar[tuple[Photograph, ...]]
    effort: ClassVar[Effort]


def run(chosen: Sequence[Photograph], unrelated: Sequence[UnrelatedImage], effort: Effort) -> Results:
    """Try them. All photographs are listed, whatever the effort."""
    bodies = {each.name: each.body for each in chosen}
    with _processes() as pool:
        others = dict(pool.imap_unordered(_unrelated, unrelated[:: effort.every], chunksize=8))
        photographs = dict(zip(bodies, pool.map(listed, bodies.values()), strict=True))
    others = {name: others[name] for name in sorted(others) if others[name]}
    print(
        f"{time.strftime('%H:%M:%S')}  {len(photographs)} photographs and {len(others)} unrelated images listed",
        flush=True,
    )
    _Shared.chosen, _Shared.effort = tuple(chosen), effort
    _Shared.listed_images, _Shared.baseline = ListedImages(photographs, others), ImagehashBaseline(bodies)
    observations: list[Observation] = []
    with _processes() as pool:
        numbers = range(0, len(chosen), effort.every)
        for number, part in zip(numbers, pool.imap(_transformed, numbers), strict=True):
            observations += part
            print(f"{time.strftime('%H:%M:%S')}  {chosen[number].name}: {len(part)} pictures", flush=True)
    return Results(observations, others)


def _processes() -> Pool:
    return multiprocessing.get_context("fork").Pool(PROCESSES)


def _unrelated(unrelated: UnrelatedImage) -> tuple[str, Sequence[Signal]]:
    return unrelated.name, unrelated.signals()


def _transformed(number: int) -> list[Observation]:
    effort = _Shared.effort
    with_baseline = number % (effort.every * effort.baseline_every) == 0
    return list(_observations(_Shared.chosen[number], with_baseline))


def _observations(photograph: Photograph, with_baseline: bool) -> Iterator[Observation]:
    for group in GROUPS:
        for transform in group.transforms:
            for way, body in enumerate(transform.bodies(photograph.picture)):
                detections = _Shared.listed_images.detections(body, photograph.name)
                # One variant of each transform is enough for imagehash: it takes longer than all else together.
                baseline = _Shared.baseline.detection(body, photograph.name) if with_baseline and way == 0 else None
                yield Observation(photograph.name, transform.name, detections, baseline)
