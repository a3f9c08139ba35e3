"""Plain text: one hash a line."""

import re
from collections.abc import Iterator

from edgeward.lists.formats import Row

_DETAILS = re.compile(r"(?:\s+quality\s+(?P<quality>\d+))?(?:\s+frame\s+\d+)?$")
"""What `edgeward hash` prints after a hash."""


def text_rows(text: str) -> Iterator[Row]:
    """TYPE:HEX, or HEX alone; then perhaps the quality, and the frame, as `edgeward hash` prints them. Empty lines and
    lines that begin with # are skipped."""
    # Not splitlines: it also splits at characters that no line ends with, such as a form feed.
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line and not line.startswith("#"):
            found = _DETAILS.search(line)
            details = {"quality": found["quality"]} if found and found["quality"] else {}
            signal_type, colon, value = (line[: found.start()] if found else line).rpartition(":")
            yield number, {"type": signal_type, "value": value, **details} if colon else {"value": value, **details}
