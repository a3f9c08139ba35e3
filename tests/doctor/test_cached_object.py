"""Whether two responses are one. (The checks on real caches are in test_cache.py.)"""

import pytest

from edgeward.doctor.cached_object import Copy


def copy(etag: str = "", date: str = "") -> Copy:
    return Copy(200, etag, date, "", None)


@pytest.mark.parametrize(
    ("one", "other", "is_unique", "same"),
    [
        (copy('"a"', "1"), copy('"a"', "1"), False, True),
        (copy('"a"', "1"), copy('"a"', "2"), False, False),  # an origin gives a file the same ETag each time
        (copy('"a"', "1"), copy('"b"', "1"), False, False),
        (copy('"a"'), copy('"a"'), False, None),  # nginx sets its own Date
        (copy('"a"'), copy('"a"'), True, True),
        (copy('"a"', "1"), copy('"b"', "1"), True, False),
        (copy(), copy(), False, None),
        (copy("", "1"), copy("", "1"), True, True),
    ],
)
def test_what_tells_responses_apart(one: Copy, other: Copy, is_unique: bool, same: bool | None) -> None:
    """The Date of the origin, or an ETag that is unique; where neither is there it is not known."""
    assert one.is_same(other, is_unique) is same
