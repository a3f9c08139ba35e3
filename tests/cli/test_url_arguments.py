"""URLs in arguments of commands."""

import json
import os

from edgeward.cli.url_arguments import url_argument


def test_bytes_that_are_no_text() -> None:
    """A byte that is not UTF-8 is percent-encoded: a terminal in Latin-1 sends such, and JSON has no bytes."""
    argument = os.fsdecode(b"http://h/\xe9/\xc3\xa9")
    assert url_argument(argument) == "http://h/%E9/\xe9"
    assert json.loads(json.dumps(url_argument(argument))) == "http://h/%E9/\xe9"


def test_text_stays() -> None:
    """Everything else is sent as it is: the admin API knows what browsers make of it."""
    assert url_argument("http://h/健 a%20b") == "http://h/健 a%20b"
