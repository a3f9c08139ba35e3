"""However often something is logged, the log stays short and says how much was left out."""

import logging
import subprocess
import sys
from pathlib import Path

from edgeward.cli import log_rate
from edgeward.cli.log_rate import LINES_PER_LOGGER, LINES_PER_TEXT, MAX_COUNTS, WINDOW_SECONDS, LogRate

ADDONS = str(Path(log_rate.__file__).parents[2])
FLOOD = """
import asyncio, logging
from edgeward.cli.log_format import configure_logging
configure_logging(as_json=False)
for number in range(5000):
    logging.getLogger("edgeward.test").warning("connection %d failed", number)
    logging.getLogger("mitmproxy.proxy").error(f"a text of its own: {number}")
async def fail():
    for _ in range(500):
        asyncio.get_running_loop().call_exception_handler({"message": "socket.accept() out of system resource"})
asyncio.run(fail())
"""


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def record(text: str, name: str = "edgeward.test") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, text, (), None)


def told(rate: LogRate) -> list[str]:
    return [each.getMessage() for each in rate.left_out()]


def test_a_text_passes_some_times_and_then_is_counted() -> None:
    """Others pass meanwhile; after a while it passes again, and the number of lines left out is told once."""
    clock = Clock()
    rate = LogRate(clock)
    assert [rate.passes(record("a %s")) for _ in range(100)] == [True] * LINES_PER_TEXT + [False] * (
        100 - LINES_PER_TEXT
    )
    assert rate.passes(record("b"))
    assert told(rate) == []
    clock.now += WINDOW_SECONDS
    assert told(rate) == [f"{100 - LINES_PER_TEXT} more lines like this were left out: a %s"]
    assert rate.passes(record("a %s"))
    clock.now += WINDOW_SECONDS
    assert told(rate) == []


def test_a_logger_with_many_texts_is_limited() -> None:
    """All its texts together; another logger is not concerned."""
    rate = LogRate(Clock())
    assert sum(rate.passes(record(f"{number}")) for number in range(400)) == LINES_PER_LOGGER
    assert rate.passes(record("x", "another"))


def test_what_is_counted_is_bounded() -> None:
    """However many loggers and texts there are: beyond the bound they share one count, and are told together."""
    clock = Clock()
    rate = LogRate(clock)
    passed = sum(rate.passes(record(f"{number}", f"logger {number}")) for number in range(10 * MAX_COUNTS))
    assert len(rate._counts) <= MAX_COUNTS + 1
    assert passed <= MAX_COUNTS
    clock.now += WINDOW_SECONDS
    assert len(told(rate)) == 1


def test_a_flood_in_a_process() -> None:
    """Of our own logger, of another library's and of asyncio's: few lines, and at the end how many are missing."""
    done = subprocess.run(
        [sys.executable, "-c", FLOOD], env={"PYTHONPATH": ADDONS}, capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert len([line for line in lines if "connection" in line and "failed" in line]) == LINES_PER_TEXT + 1
    assert any("4980 more lines like this were left out: connection %d failed" in line for line in lines)
    assert len([line for line in lines if "a text of its own" in line and "more lines" not in line]) <= LINES_PER_LOGGER
    assert any(
        "480 more lines like this were left out: socket.accept() out of system resource" in line for line in lines
    )


def test_lines_that_differ_below_the_first_are_one_text() -> None:
    """asyncio names the socket and the handle there: each line would be a text of its own."""
    rate = LogRate(Clock())
    passed = [rate.passes(record(f"socket.accept() out of system resource\nsocket: {number}")) for number in range(50)]
    assert passed.count(True) == LINES_PER_TEXT
