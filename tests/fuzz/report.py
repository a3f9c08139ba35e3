"""What a run came to, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.fuzz.barrage import Finding
from tests.fuzz.pauses import STALL_SECONDS, Pause

from edgeward.proxy.judge import KNOWN_BYTES
from edgeward.proxy.memory import MEMORY_BYTES

SHOWN = 20
"""Faults of one kind that are printed."""
REMEMBERED = (KNOWN_BYTES + MEMORY_BYTES) / 1e6
"""MB in which a worker remembers images: some 15,000 of these fill them, and after that it holds no more."""
MOST_GROWTH = REMEMBERED + 96.0
"""MB that a worker may hold more after a run: also what its allocator keeps of the bodies that were in transit."""
MOST_OF_A_WORKER = 400.0
MOST_OF_A_HASHER = 400.0
"""MB of a hasher that has nothing to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and the faults: any of them fails the run. Memory is in MB; `findings` are of refused cases."""

    images: int
    wanted: int
    answers: Counter[int]
    reasons: Counter[str]
    restarts: Counter[str]
    findings: Sequence[Finding]
    pauses: Sequence[Pause]
    idle: float
    halfway: float
    after: float
    hashers: Sequence[float]
    ended: Sequence[int]
    wrong: Sequence[str]
    defects: Sequence[str]

    @property
    def faults(self) -> dict[str, Sequence[str]]:
        stalls = [f"{pause}" for pause in self.pauses if pause.own > STALL_SECONDS]
        return {
            "wrong or missing answers and counts": self.wrong,
            "proxy workers that ended": [f"process {pid}" for pid in self.ended],
            "hashers that ended, and not of their image": list(self._innocent()),
            "pauses of the event loop over 50 ms": stalls,
            "memory that was not given back": list(self._kept()),
            "defects in logs and counters": self.defects,
            "too few images": [f"{self.images} of {self.wanted}"] if self.images < self.wanted else [],
        }

    def _innocent(self) -> Iterator[str]:
        """A hasher may run out of time where the machine does; whatever else ends it must end the next one as well."""
        again = sum(finding.restarts["crashed"] for finding in self.findings)
        if self.restarts["crashed"] > again:
            yield f"{self.restarts['crashed']} crashed, and {again} when the same images came alone"

    def _kept(self) -> Iterator[str]:
        if self.after - self.idle > MOST_GROWTH or self.after > MOST_OF_A_WORKER:
            yield f"the worker holds {self.after:.0f} MB"
        yield from (f"a hasher holds {each:.0f} MB" for each in self.hashers if each > MOST_OF_A_HASHER)

    @property
    def ok(self) -> bool:
        return not any(self.faults.values())

    def rows(self) -> Iterator[tuple[str, object]]:
        longest = max((pause.own for pause in self.pauses), default=0.0)
        yield "images", self.images
        yield "answers", _counted({str(status): number for status, number in self.answers.items()}) + " (0: none)"
        yield "verdicts", f"{self.reasons.total()}: {_counted(self.reasons)}"
        yield "hashers that ended", f"{self.restarts.total()}: {_counted(self.restarts)}"
        yield "longest pause of the event loop", f"{1000 * longest:.0f} ms"
        yield (
            "memory of the worker",
            f"{self.idle:.0f} MB idle, {self.halfway:.0f} MB halfway, {self.after:.0f} MB after",
        )
        yield "memory of the hashers", ", ".join(f"{each:.0f} MB" for each in self.hashers)
        for name, faults in self.faults.items():
            yield name, len(faults)


def print_report(report: Report) -> None:
    """The table, every case that was refused, and the first faults of each kind."""
    rows = list(report.rows())
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
    for finding in report.findings:
        print(f"refused: {finding}")
    for name, faults in report.faults.items():
        for fault in faults[:SHOWN]:
            print(f"{name}: {fault}")
    print("fuzz: every image had its verdict" if report.ok else "fuzz: FAILED", flush=True)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
