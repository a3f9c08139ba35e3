"""What recognition is held to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.bench.harness import Budget, Row
from tests.detection.change import Change
from tests.detection.changes import encoding, frames, marks, sizes, tones, turns
from tests.detection.listing import BOTH, JOINTS, OPTIONS, TYPES, Option
from tests.detection.trial import Results

DEFAULT, ROTATIONS, GEOMETRY, ALL = (Option("pdq", setting) for setting in ("default", "rotations", "geometry", BOTH))
JOINT, JOINT_ALL = JOINTS


@dataclass(frozen=True, slots=True)
class Goal:
    """At least `percent` of the pictures with any of these changes are found, each way of a change counted."""

    what: str
    option: Option
    percent: float
    changes: tuple[str, ...]


def _names(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(change.name for change in changes)


GOALS = (
    Goal("Re-encoding", DEFAULT, 100, _names(encoding.ENCODING.changes)),
    Goal("Resizing, 10 to 400 %", JOINT, 100, _names(sizes.RESIZED)),
    Goal("Blur", JOINT, 100, _names(tones.BLUR)),
    Goal("Noise", DEFAULT, 100, _names(tones.NOISE)),
    Goal("Gamma", DEFAULT, 100, _names(tones.GAMMA)),
    Goal("Greyscale", DEFAULT, 100, _names(tones.GREY)),
    Goal("Mirrors and right angles", ROTATIONS, 100, _names(turns.RIGHT_ANGLES.changes)),
    Goal("Borders and letterboxes", DEFAULT, 98, _names(frames.PLAIN)),
    Goal("Watermarks up to 10 % of the area", JOINT_ALL, 95, _names(marks.WATERMARKS)),
    Goal("Captions up to 10 % of the area", JOINT, 95, _names(marks.CAPTIONS)),
    Goal("5 % off one side", JOINT_ALL, 95, ("5 % off one side",)),
    Goal("Inner 95 %", JOINT_ALL, 90, ("inner 95 %",)),
    Goal("10 % off one side", ALL, 60, ("10 % off one side",)),
    Goal("Turned by 1° to 8°, corners filled", ALL, 90, _names(turns.SMALL_FILLED)),
    Goal("Turned by 2°, cropped to fit", ALL, 75, ("turned by 2°, cropped to fit",)),
)


def rows(photographs: Results, every: Results) -> Iterator[Row]:
    """One row for each goal, and one for the false positives of each signal type, all of its options together.

    Recall is that of photographs; no picture at all may be taken for another. What needs joint values has a second row,
    without a budget, that says how far PDQ gets alone.
    """
    for goal in GOALS:
        yield _recall(goal.what, goal, goal.option, photographs, Budget(">=", goal.percent))
        if goal.option.beside:
            yield _recall(f"{goal.what}, PDQ alone", goal, goal.option.beside, photographs)
    for signal_type in TYPES:
        options = [option for option in OPTIONS if option.signal_type == signal_type]
        wrong = sum(len(sight.by(option).wrong) for sight in every.sights for option in options)
        by = f"{wrong} by {len(every.sights):,}"
        yield Row(f"False positives, {signal_type}", by, "all", wrong, "", Budget("<=", 0))


def _recall(what: str, goal: Goal, option: Option, results: Results, budget: Budget | None = None) -> Row:
    found, tried = results.found(goal.changes, option)
    return Row(what, f"{found} of {tried}", option.name, 100 * found / tried, "%", budget)
