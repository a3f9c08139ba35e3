"""A line of progress on standard error, with rate and time left, where that is a terminal."""

import sys
import time

BAR_WIDTH = 24
SHOWN_EVERY_SECONDS = 0.1
MEASURED_SECONDS = 0.5
"""A rate over less time than this is not shown."""


class ProgressBar:
    """Shows one stage of work at a time. Nothing is shown if it is not `wanted`, or standard error is no terminal."""

    def __init__(self, wanted: bool = True) -> None:
        self._shown = wanted and sys.stderr.isatty()
        self._stage, self._began, self._last, self._width = "", 0.0, 0.0, 0
        self._at_begin = 0

    @property
    def is_shown(self) -> bool:
        return self._shown

    def show(self, stage: str, done: int, total: int = 0, unit: str = "") -> None:
        """How far a stage is. `total`: 0 if that is not known. `unit`: "B" for bytes, else of what."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._at_begin, self._last = stage, now, done, 0.0
        if not self._shown or now - self._last < SHOWN_EVERY_SECONDS:
            return
        self._last = now
        self._write(progress_line(stage, done, total, unit, now - self._began, done - self._at_begin))

    def end(self) -> None:
        """Take the line away: what follows is printed in its place."""
        if self._width:
            self._write("")
            print("\r", end="", file=sys.stderr, flush=True)
            self._width = 0

    def _write(self, text: str) -> None:
        print(f"\r{text.ljust(self._width)}", end="", file=sys.stderr, flush=True)
        self._width = len(text)


def progress_line(stage: str, done: int, total: int, unit: str, seconds: float, since: int) -> str:
    """One line: stage, bar, how much of how much, rate, time left. `since`: how much was done in `seconds`."""
    parts = [f"{stage:<10}"]
    if total:
        share = min(1.0, done / total)
        parts.append(f"[{'#' * int(share * BAR_WIDTH):<{BAR_WIDTH}}] {share:4.0%}")
    shown = amount(done, unit if unit == "B" or not total else "")
    parts.append(f"{shown} of {amount(total, unit)}" if total else shown)
    if seconds >= MEASURED_SECONDS and since > 0:
        rate = since / seconds
        parts.append(f"{amount(int(rate), unit)}/s")
        if total > done:
            parts.append(f"{_duration((total - done) / rate)} left")
    return "  ".join(parts)


def amount(number: int, unit: str) -> str:
    """A number with its unit: "12,345 hashes", "3.2 MB"."""
    if unit != "B":
        return f"{number:,} {unit}".rstrip()
    size, prefixes = float(number), iter(("B", "kB", "MB", "GB"))
    prefix = next(prefixes)
    while size >= 1000 and (larger := next(prefixes, "")):
        size, prefix = size / 1000, larger
    return f"{size:.1f} {prefix}" if prefix != "B" else f"{number} B"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds) + 1, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
