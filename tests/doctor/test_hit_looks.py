"""Whether two responses are one, and what a response says of where it came from. (The looks at a real nginx are in
test_cache.py.)"""

import pytest

from edgeward.caches.response_parser import HttpResponse
from edgeward.doctor.hit_looks import Copy


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


@pytest.mark.parametrize(
    ("headers", "keeps_date", "is_hit"),
    [
        ({"x-varnish": "32770 3"}, True, True),
        ({"x-varnish": "32770"}, True, False),
        ({"x-cache": "HIT"}, False, True),
        ({"x-cache": "MISS"}, False, False),
        ({"x-cache": "HIT, MISS"}, False, None),  # of two caches: whose is whose is not known
        ({"x-cache": "BYPASS"}, False, None),
        ({"x-cache": "HIT"}, True, None),  # only nginx is known to say it so
        ({}, False, None),
    ],
)
def test_what_tells_that_a_copy_came_from_storage(
    headers: dict[str, str], keeps_date: bool, is_hit: bool | None
) -> None:
    """What Varnish says in X-Varnish, and nginx in X-Cache."""
    assert Copy.of(HttpResponse(200, headers), keeps_date).is_hit is is_hit
