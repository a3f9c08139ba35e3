"""What a run came to, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHOWN = 20
"""Faults of one kind that are printed."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and the faults: any of them fails the run."""

    blows: Counter[tuple[str, str]]
    troubles: Sequence[str]
    answers: Counter[int]
    variants: int
    works: Counter[str]
    promised: int
    doubtful: int
    listed: int
    orders: int
    acknowledged: int
    takedowns: int
    quiet: float
    slowest: float
    cached: int
    lost: Sequence[str]
    left: Sequence[str]
    surprises: Sequence[str]
    wrong: Sequence[str]
    defects: Sequence[str]

    @property
    def faults(self) -> dict[str, Sequence[str]]:
        return {
            "acknowledged and lost": self.lost,
            "listed and left in a cache": self.left,
            "must not happen while it runs": self.surprises,
            "wrong answers at the end": self.wrong,
            "defects in logs and counters": self.defects,
        }

    @property
    def ok(self) -> bool:
        return not any(self.faults.values())

    def rows(self) -> Iterator[tuple[str, object]]:
        for kind in ("kill", "freeze"):
            struck = Counter({victim: number for (what, victim), number in self.blows.items() if what == kind})
            yield f"{kind}s", f"{struck.total()}: {_counted(struck)}"
        yield "starts tried again", len(self.troubles)
        yield "requests", f"{self.answers.total()}: {_counted(self.answers)} (0: no answer)"
        yield "ways to ask for a picture", self.variants
        yield "work of the staff", _counted(self.works)
        yield "listings acknowledged", f"{self.promised}, in doubt {self.doubtful}, on the list {self.listed}"
        yield "takedowns acknowledged", self.takedowns
        yield "purge orders", f"{self.orders}, known to the staff {self.acknowledged}"
        yield "copies of other pictures held", self.cached
        yield "quiet after", f"{self.quiet:.1f} s"
        yield "longest from listed to gone", f"{self.slowest:.1f} s"
        for name, faults in self.faults.items():
            yield name, len(faults)


def print_report(report: Report) -> None:
    """The table, and the first faults of each kind."""
    rows = list(report.rows())
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
    for name, faults in report.faults.items():
        for fault in faults[:SHOWN]:
            print(f"{name}: {fault}")
    print("chaos: nothing lost, nothing left" if report.ok else "chaos: FAILED", flush=True)


def _counted(counts: "Counter[str] | Counter[int]") -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
