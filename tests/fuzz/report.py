"""The result of a run, as a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.fuzz.loop_pauses import STALL_SECONDS, Pause
from tests.fuzz.sender import Finding

from edgeward.proxy.judge import FINGERPRINT_CACHE_BYTES
from edgeward.proxy.target_cache import TARGET_CACHE_BYTES

SHOWN = 20
"""Problems of one kind that are printed."""
CACHE_MB = (FINGERPRINT_CACHE_BYTES + TARGET_CACHE_BYTES) / 1e6
"""MB of a worker's caches of known images: some 15,000 of these images fill them."""
MAX_GROWTH = CACHE_MB + 96.0
"""MB that a worker may grow by in a run: its caches, and memory that its allocator retains."""
MAX_WORKER = 400.0
MAX_HASHER = 400.0
"""MB of an idle hasher."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and problems: any problem fails the run. Memory is in MB; `findings` are of refused cases."""

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
    def problems(self) -> dict[str, Sequence[str]]:
        stalls = [f"{pause}" for pause in self.pauses if pause.own > STALL_SECONDS]
        return {
            "wrong or missing answers and counts": self.wrong,
            "proxy workers that ended": [f"process {pid}" for pid in self.ended],
            "crashes of hashers that no image explains": list(self._unexplained_crashes()),
            "pauses of the event loop over 50 ms": stalls,
            "memory that was not given back": list(self._retained_memory()),
            "defects in logs and counters": self.defects,
            "too few images": [f"{self.images} of {self.wanted}"] if self.images < self.wanted else [],
        }

    def _unexplained_crashes(self) -> Iterator[str]:
        """A hasher may time out on a slow machine, but an image that crashes one must crash the next one too."""
        again = sum(finding.restarts["crashed"] for finding in self.findings)
        if self.restarts["crashed"] > again:
            yield f"{self.restarts['crashed']} crashed, but only {again} when the same images were replayed"

    def _retained_memory(self) -> Iterator[str]:
        if self.after - self.idle > MAX_GROWTH or self.after > MAX_WORKER:
            yield f"the worker holds {self.after:.0f} MB"
        yield from (f"a hasher holds {each:.0f} MB" for each in self.hashers if each > MAX_HASHER)

    @property
    def ok(self) -> bool:
        return not any(self.problems.values())

    def rows(self) -> Iterator[tuple[str, object]]:
        longest = max((pause.own for pause in self.pauses), default=0.0)
        yield "images", self.images
        yield "answers", _format_counts({str(status): number for status, number in self.answers.items()}) + " (0: none)"
        yield "verdicts", f"{self.reasons.total()}: {_format_counts(self.reasons)}"
        yield "hashers that ended", f"{self.restarts.total()}: {_format_counts(self.restarts)}"
        yield "longest pause of the event loop", f"{1000 * longest:.0f} ms"
        yield (
            "memory of the worker",
            f"{self.idle:.0f} MB idle, {self.halfway:.0f} MB halfway, {self.after:.0f} MB after",
        )
        yield "memory of the hashers", ", ".join(f"{each:.0f} MB" for each in self.hashers)
        for name, problems in self.problems.items():
            yield name, len(problems)


def print_report(report: Report) -> None:
    """Print the table, every refused case, and the first problems of each kind."""
    rows = list(report.rows())
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))
    for finding in report.findings:
        print(f"refused: {finding}")
    for name, problems in report.problems.items():
        for problem in problems[:SHOWN]:
            print(f"{name}: {problem}")
    print("fuzz: every image got a verdict" if report.ok else "fuzz: FAILED", flush=True)


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
