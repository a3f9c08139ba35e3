"""What recognition is held to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.bench.harness import Budget, Row
from tests.detection.change import Change
from tests.detection.changes import encoding, frames, marks, sizes, tones, turns
from tests.detection.listing import BOTH, OPTIONS, TYPES, Option
from tests.detection.trial import Results

DEFAULT, ROTATIONS, ALL = (Option("pdq", setting) for setting in ("default", "rotations", BOTH))


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
    Goal("Resizing, 10 to 400 %", DEFAULT, 100, _names(sizes.RESIZED)),
    Goal("Blur", DEFAULT, 100, _names(tones.BLUR)),
    Goal("Noise", DEFAULT, 100, _names(tones.NOISE)),
    Goal("Gamma", DEFAULT, 100, _names(tones.GAMMA)),
    Goal("Greyscale", DEFAULT, 100, _names(tones.GREY)),
    Goal("Mirrors and right angles", ROTATIONS, 100, _names(turns.RIGHT_ANGLES.changes)),
    Goal("Borders and letterboxes", DEFAULT, 98, _names(frames.PLAIN)),
    Goal("Watermarks up to 10 % of the area", DEFAULT, 95, _names(marks.WATERMARKS)),
    Goal("Captions up to 10 % of the area", DEFAULT, 95, _names(marks.CAPTIONS)),
    Goal("5 % off one side", ALL, 95, ("5 % off one side",)),
    Goal("Inner 95 %", ALL, 90, ("inner 95 %",)),
    Goal("10 % off one side", ALL, 60, ("10 % off one side",)),
    Goal("Turned by 1° to 8°, corners filled", ALL, 90, _names(turns.SMALL_FILLED)),
    Goal("Turned by 2°, cropped to fit", ALL, 75, ("turned by 2°, cropped to fit",)),
)


def rows(photographs: Results, every: Results) -> Iterator[Row]:
    """One row for each goal, and one for the false positives of each signal type, all of its options together.

    Recall is that of photographs; no picture at all may be taken for another.
    """
    for goal in GOALS:
        found, tried = photographs.found(goal.changes, goal.option)
        share = 100 * found / tried
        yield Row(goal.what, f"{found} of {tried}", goal.option.name, share, "%", Budget(">=", goal.percent))
    for signal_type in TYPES:
        options = [option for option in OPTIONS if option.signal_type == signal_type]
        strangers = sum(sight.by(option).strangers for sight in every.sights for option in options)
        by = f"{strangers} by {len(every.sights):,}"
        yield Row(f"False positives, {signal_type}", by, "all", strangers, "", Budget("<=", 0))
