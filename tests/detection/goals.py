"""The goals of recognition."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.bench.measurement import Budget, Row
from tests.detection.experiment import Results
from tests.detection.list_options import BOTH, COMPOSITES, OPTIONS, TYPES, Option
from tests.detection.transform import Transform
from tests.detection.transforms import encoding, frames, marks, sizes, tones, turns

DEFAULT, ROTATIONS, GEOMETRY, ALL = (Option("pdq", setting) for setting in ("default", "rotations", "geometry", BOTH))
COMPOSITE, COMPOSITE_ALL = COMPOSITES


@dataclass(frozen=True, slots=True)
class Goal:
    """At least `percent` of the pictures with any of these transforms are found, in all variants of each."""

    what: str
    option: Option
    percent: float
    transforms: tuple[str, ...]


def _names(transforms: Iterable[Transform]) -> tuple[str, ...]:
    return tuple(transform.name for transform in transforms)


GOALS = (
    Goal("Re-encoding", DEFAULT, 100, _names(encoding.ENCODING.transforms)),
    Goal("Resizing, 10 to 400 %", COMPOSITE, 100, _names(sizes.RESIZED)),
    Goal("Blur", COMPOSITE, 100, _names(tones.BLUR)),
    Goal("Noise", DEFAULT, 100, _names(tones.NOISE)),
    Goal("Gamma", DEFAULT, 100, _names(tones.GAMMA)),
    Goal("Greyscale", DEFAULT, 100, _names(tones.GREY)),
    Goal("Mirrors and right angles", ROTATIONS, 100, _names(turns.RIGHT_ANGLES.transforms)),
    Goal("Borders and letterboxes", DEFAULT, 98, _names(frames.PLAIN)),
    Goal("Watermarks up to 10 % of the area", COMPOSITE_ALL, 95, _names(marks.WATERMARKS)),
    Goal("Captions up to 10 % of the area", COMPOSITE, 95, _names(marks.CAPTIONS)),
    Goal("5 % off one side", COMPOSITE_ALL, 95, ("5 % off one side",)),
    Goal("Inner 95 %", COMPOSITE_ALL, 90, ("inner 95 %",)),
    Goal("10 % off one side", ALL, 60, ("10 % off one side",)),
    Goal("Turned by 1° to 8°, corners filled", ALL, 90, _names(turns.SMALL_FILLED)),
    Goal("Turned by 2°, cropped to fit", ALL, 75, ("turned by 2°, cropped to fit",)),
)


def rows(photographs: Results, every: Results) -> Iterator[Row]:
    """One row for each goal, and one for the false positives of each signal type, all of its options together.

    Recall is that of photographs; false positives are counted for all pictures. A goal that needs composite values has
    a second row, without a budget, for PDQ alone.
    """
    for goal in GOALS:
        yield _recall(goal.what, goal, goal.option, photographs, Budget(">=", goal.percent))
        if goal.option.combined_with:
            yield _recall(f"{goal.what}, PDQ alone", goal, goal.option.combined_with, photographs)
    for signal_type in TYPES:
        options = [option for option in OPTIONS if option.signal_type == signal_type]
        wrong = sum(len(observation.by(option).wrong) for observation in every.observations for option in options)
        by = f"{wrong} by {len(every.observations):,}"
        yield Row(f"False positives, {signal_type}", by, "all", wrong, "", Budget("<=", 0))


def _recall(what: str, goal: Goal, option: Option, results: Results, budget: Budget | None = None) -> Row:
    found, tried = results.found(goal.transforms, option)
    return Row(what, f"{found} of {tried}", option.name, 100 * found / tried, "%", budget)
