"""Interleaved rounds, medians, ratios, budgets, and the resulting table."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

type Measure = Callable[[], float]
"""Does the work once, and returns its cost or rate."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure. `full` takes about forty minutes in all, half of them for long lists; `quick` ten."""

    seconds: float
    """CPU measurements: seconds for each row."""
    rounds: int
    """Load measurements: rounds for each row."""
    load_seconds: int
    """Load measurements: seconds for each contender in each round."""
    listings: int
    entries: tuple[int, ...]
    """Sizes of the blocklists that are searched."""


FULL = Effort(seconds=5.0, rounds=5, load_seconds=3, listings=100, entries=(100_000, 1_000_000))
QUICK = Effort(seconds=1.0, rounds=2, load_seconds=1, listings=15, entries=(100_000,))


@dataclass(frozen=True, slots=True)
class Budget:
    """The limit of a figure."""

    sign: Literal["<=", ">="]
    limit: float

    def met_by(self, figure: float) -> bool:
        return figure <= self.limit if self.sign == "<=" else figure >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `figure`, in `unit`, is compared with the budget; `other` is the contender's value."""

    what: str
    ours: str
    other: str
    figure: float
    unit: str
    budget: Budget | None = None

    @property
    def met(self) -> bool | None:
        """None where there is no budget."""
        return self.budget.met_by(self.figure) if self.budget else None


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one method of measurement, and its description in `how`."""

    title: str
    how: str
    rows: Sequence[Row]


def cpu_seconds(work: Callable[[], object]) -> Measure:
    """Measures the CPU time of `work` in seconds, over all threads of this process."""

    def measure() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return measure


def interleaved(contenders: Sequence[Measure], seconds: float, least: int = 3) -> list[list[float]]:
    """Measure A B A B ... so that a machine that slows down slows all of them; the values of each contender.

    The first round warms up and is not counted. There are rounds for `seconds`, and at least `least` of them.
    """
    values: list[list[float]] = [[] for _ in contenders]
    for measure in contenders:
        measure()
    deadline = time.perf_counter() + seconds
    while len(values[0]) < least or time.perf_counter() < deadline:
        for measure, taken in zip(contenders, values, strict=True):
            taken.append(measure())
    return values


def ratio(ours: Sequence[float], other: Sequence[float]) -> float:
    """The median of `ours` over that of `other`."""
    return statistics.median(ours) / statistics.median(other)


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile by nearest rank: the least value that `share` (0..1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def quantity(value: float, unit: str = "") -> str:
    """A number with three significant digits and separated thousands."""
    if value == 0 or not math.isfinite(value):
        text = f"{value:.0f}"
    else:
        text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    return f"{text} {unit}".rstrip()


def milliseconds(values: Sequence[float]) -> str:
    """The median of seconds, written in ms."""
    return quantity(statistics.median(values) * 1000, "ms")


HEAD = ("What", "Edgeward", "Against", "Figure", "Budget", "Met")


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table whose columns also line up as plain text."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join(f"| {' | '.join(_padded(line, widths))} |" for line in ruled)


def _cells(row: Row) -> tuple[str, ...]:
    budget = f"{row.budget.sign} {row.budget.limit:g} {row.unit}" if row.budget else "none"
    met = {True: "yes", False: "NO", None: ""}[row.met]
    return (row.what, row.ours, row.other, quantity(row.figure, row.unit), budget, met)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    return (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def summary(sections: Sequence[Section]) -> str:
    """How many budgets were met, and which were not."""
    held = [row for section in sections for row in section.rows if row.budget]
    missed = [row.what for row in held if not row.met]
    text = f"{len(held) - len(missed)} of {len(held)} budgets met"
    return f"{text}; missed: {'; '.join(missed)}." if missed else f"{text}."
