"""The result of a run, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHOWN = 20
"""Problems of one kind that are printed."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and problems: any problem fails the run."""

    faults: Counter[tuple[str, str]]
    failed_starts: Sequence[str]
    answers: Counter[int]
    variants: int
    actions: Counter[str]
    acknowledged_listings: int
    in_doubt: int
    listed: int
    orders: int
    acknowledged_orders: int
    takedowns: int
    quiet_seconds: float
    slowest_seconds: float
    cached: int
    lost: Sequence[str]
    left: Sequence[str]
    violations: Sequence[str]
    wrong: Sequence[str]
    defects: Sequence[str]

    @property
    def problems(self) -> dict[str, Sequence[str]]:
        return {
            "acknowledged and lost": self.lost,
            "listed and left in a cache": self.left,
            "must not happen during the run": self.violations,
            "wrong answers at the end": self.wrong,
            "defects in logs and counters": self.defects,
        }

    @property
    def ok(self) -> bool:
        return not any(self.problems.values())

    def rows(self) -> Iterator[tuple[str, object]]:
        for kind in ("kill", "freeze"):
            submitted = Counter({target: number for (what, target), number in self.faults.items() if what == kind})
            yield f"{kind}s", f"{submitted.total()}: {_format_counts(submitted)}"
        yield "losses of the store's data", self.faults["loss", "store"]
        yield "older copies of them restored", self.faults["restore", "store"]
        yield "starts that were retried", len(self.failed_starts)
        yield "requests", f"{self.answers.total()}: {_format_counts(self.answers)} (0: no answer)"
        yield "different requests", self.variants
        yield "actions of operators", _format_counts(self.actions)
        yield (
            "listings acknowledged",
            f"{self.acknowledged_listings}, in doubt {self.in_doubt}, on the list {self.listed}",
        )
        yield "takedowns acknowledged", self.takedowns
        yield "purge orders", f"{self.orders}, acknowledged {self.acknowledged_orders}"
        yield "copies of other pictures held", self.cached
        yield "all work done after", f"{self.quiet_seconds:.1f} s"
        yield "longest from listing to purged", f"{self.slowest_seconds:.1f} s"
        for name, problems in self.problems.items():
            yield name, len(problems)


def print_report(report: Report) -> None:
    """Print the table, and the first problems of each kind."""
    rows = list(report.rows())
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
    for name, problems in report.problems.items():
        for problem in problems[:SHOWN]:
            print(f"{name}: {problem}")
    print("chaos: nothing lost, nothing left" if report.ok else "chaos: FAILED", flush=True)


def _format_counts(counts: "Counter[str] | Counter[int]") -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
