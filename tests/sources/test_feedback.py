"""Feedback as it is stored."""

import json

from edgeward.sources.feedback import Decided, Feedback


def test_it_is_read_as_it_was_written() -> None:
    """Also if a later release has written more."""
    one = Feedback("e" * 20, "a", "md5", "00" * 16, "42-x", Decided.MISTAKE, "ana", 5.0, 2, 7.0, "silent")
    assert Feedback.from_json(one.to_json()) == one
    assert Feedback.from_json(json.dumps({**json.loads(one.to_json()), "more": 1})) == one
