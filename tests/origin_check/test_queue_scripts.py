"""The scripts of the queue: that each declares the keys it uses. What they do is tested with the queue."""

import re

import pytest

from edgeward.origin_check import queue_scripts

SCRIPTS = {name: text for name, text in vars(queue_scripts).items() if name.isupper() and not name.startswith("_")}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_which_keys_it_gets(name: str) -> None:
    """A cluster needs every key of a script named beforehand; the comment lists them in order."""
    text = SCRIPTS[name]
    (listed,) = re.findall(r"-- KEYS: ([^.\n]*)", text)
    used = {int(number) for number in re.findall(r"KEYS\[(\d)\]", text)}
    assert max(used) <= len(listed.split(","))
