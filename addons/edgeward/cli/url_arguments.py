"""URLs in arguments of commands, which the shell passes as bytes."""

import re

_BYTE = re.compile("[\udc80-\udcff]")


def url_argument(text: str) -> str:
    """The argument, with each byte that is not UTF-8 as %XX: JSON has no bytes (PEP 383)."""
    return _BYTE.sub(lambda match: f"%{ord(match[0]) - 0xDC00:02X}", text)
