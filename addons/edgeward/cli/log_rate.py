"""Limits how many lines a log takes: what goes wrong thousands of times a second is told a few times, and counted."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

WINDOW_SECONDS = 10.0
LINES_PER_TEXT = 20
"""Lines of one text (before its arguments are filled in) of one logger that pass in WINDOW_SECONDS."""
LINES_PER_LOGGER = 100
"""Lines of one logger, of all its texts. Some libraries make a new text for each line."""
MAX_COUNTS = 512
"""Texts and loggers that are counted at a time. Beyond it, those that come share one count."""
SHOWN_CHARACTERS = 100
"""Of a text that was left out."""


@dataclass(slots=True)
class _Count:
    began: float
    record: logging.LogRecord
    """The one that was left out last."""
    lines: int = 0
    left_out: int = 0


class LogRate:
    """Decides which records pass. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, ...], _Count] = {}
        self._next_look = 0.0

    def passes(self, record: logging.LogRecord) -> bool:
        """Count a record; whether it may be written."""
        of_logger = self._count((record.name,), record)
        if of_logger.lines >= LINES_PER_LOGGER:
            return _leave_out(of_logger, record)
        of_text = self._count((record.name, str(record.levelno), _beginning(record)), record)
        if of_text.lines >= LINES_PER_TEXT:
            return _leave_out(of_text, record)
        of_logger.lines += 1
        of_text.lines += 1
        return True

    def left_out(self, *, at_end: bool = False) -> Iterator[logging.LogRecord]:
        """A record for each text of which lines were left out in a time that is over now. `at_end`: or is not."""
        now = self._clock()
        if now < self._next_look and not at_end:
            return
        self._next_look = now + 1.0
        for key in [key for key, count in self._counts.items() if at_end or now - count.began >= WINDOW_SECONDS]:
            count = self._counts.pop(key)
            if count.left_out:
                yield _told(count)

    def _count(self, key: tuple[str, ...], record: logging.LogRecord) -> _Count:
        count = self._counts.get(key)
        if count is None and len(self._counts) >= MAX_COUNTS:
            key = ()
            count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(self._clock(), record)
        return count


def _beginning(record: logging.LogRecord) -> str:
    """Its first line, before arguments are filled in: asyncio names sockets and handles in those below."""
    return str(record.msg).partition("\n")[0][:SHOWN_CHARACTERS]


def _leave_out(count: _Count, record: logging.LogRecord) -> bool:
    count.left_out += 1
    count.record = record
    return False


def _told(count: _Count) -> logging.LogRecord:
    of = count.record
    text = "%d more lines like this were left out: %s"
    args = (count.left_out, _beginning(of))
    return logging.LogRecord(of.name, of.levelno, of.pathname, of.lineno, text, args, None)


class RateLimitedHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error what passes, and how much did not."""

    def __init__(self) -> None:
        super().__init__()
        self._rate = LogRate()

    def emit(self, record: logging.LogRecord) -> None:
        for told in self._rate.left_out():
            super().emit(told)
        if self._rate.passes(record):
            super().emit(record)

    def close(self) -> None:
        """Called when the process ends."""
        for told in self._rate.left_out(at_end=True):
            super().emit(told)
        super().close()
