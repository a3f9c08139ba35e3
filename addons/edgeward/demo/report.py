"""What was checked, whether it passed, and how long it took."""

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `held`: whether it passed. `seconds`: the measured time, None if time does not matter."""

    placement: str
    name: str
    held: bool
    seconds: float | None = None
    detail: str = ""

    @property
    def time(self) -> str:
        return "" if self.seconds is None else f"{self.seconds * 1000:,.1f} ms"


class Report:
    """Collects checks, prints each as it is made, and makes a table of all."""

    def __init__(self, progress: TextIO = sys.stdout) -> None:
        self.checks: list[Check] = []
        self._progress = progress
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line of progress."""
        print(text, file=self._progress, flush=True)

    def check(self, placement: str, name: str, held: bool, seconds: float | None = None, detail: str = "") -> None:
        """Add a check and print it. `seconds` and `detail` go in brackets behind its name."""
        check = Check(placement, name, held, seconds, detail)
        self.checks.append(check)
        notes = ", ".join(filter(None, (check.time, detail)))
        self.say(f"  {'ok  ' if held else 'FAIL'} {name}{f' ({notes})' if notes else ''}")

    @property
    def ok(self) -> bool:
        """Whether there was a check and every check passed."""
        return bool(self.checks) and all(check.held for check in self.checks)

    @property
    def seconds(self) -> float:
        """Seconds since the report was created."""
        return time.monotonic() - self._started

    def as_dict(self) -> dict[str, Any]:
        """The report for --json."""
        return {"ok": self.ok, "seconds": round(self.seconds, 1), "checks": [asdict(c) for c in self.checks]}

    def table(self) -> str:
        """All checks as aligned columns, and the number of those that passed."""
        rows = [("placement", "check", "", "measured", "")]
        rows += [(c.placement, c.name, "ok" if c.held else "FAIL", c.time, c.detail) for c in self.checks]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = [_line(row, widths) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths[:4]))
        return "\n".join([*lines, "", self._total()])

    def _total(self) -> str:
        held = sum(check.held for check in self.checks)
        return f"{held} of {len(self.checks)} checks passed in {self.seconds:.1f} s"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    placement, name, verdict, measured, detail = (text.ljust(width) for text, width in zip(row, widths, strict=True))
    return f"{placement}  {name}  {verdict}  {measured.strip().rjust(widths[3])}  {detail}".rstrip()
