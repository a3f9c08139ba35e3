"""Plain text: one hash a line."""

from collections.abc import Iterator

from edgeward.lists.formats import Row


def text_rows(text: str) -> Iterator[Row]:
    """TYPE:HEX, or HEX alone. Empty lines and lines that begin with # are skipped."""
    # Not splitlines: it also splits at characters that no line ends with, such as a form feed.
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line and not line.startswith("#"):
            signal_type, colon, value = line.rpartition(":")
            yield number, {"type": signal_type, "value": value} if colon else {"value": line}
