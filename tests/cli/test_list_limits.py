"""The limits of a list as options, and as they are shown."""

import time
from collections.abc import Callable

import pytest
from tests.cli.conftest import ACTIVE, HASH_LIST, Api, Ended

from edgeward.cli.list_limits import in_words
from edgeward.errors import UserError

type Run = Callable[..., Ended]
LIST = "/api/v1/lists/court"


def test_each_option_is_sent(api: Api, edgeward: Run) -> None:
    """Names with commas between them; a duration is from now."""
    api.answer(f"PATCH {LIST}", {**HASH_LIST, **ACTIVE})
    edgeward(
        *("list", "set", "court", "--hosts", "a.test, *.b.test", "--paths", "/x/,/y%2Cz/", "--share", "2.5%"),
        *("--expires", "2030-01-01", "--min-quality", "80"),
    )
    edgeward(
        *("list", "set", "court", "--hosts", "all", "--paths", "all", "--share", "100", "--expires", "never"),
        *("--min-quality", "0"),
    )
    edgeward("list", "set", "court", "--expires", "30d")
    first, second, third = (request.json for request in api.requests)
    assert first == {
        "hosts": ["a.test", "*.b.test"],
        "paths": ["/x/", "/y%2Cz/"],
        "share": 2.5,
        "expires_at": 1893456000.0,
        "min_quality": 80,
    }
    assert second == {"hosts": [], "paths": [], "share": 100.0, "expires_at": 0.0, "min_quality": 0}
    assert abs(third["expires_at"] - time.time() - 30 * 86400) < 60


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--hosts", ",", "names nothing"),
        ("--hosts", "all,a.test", "names nothing"),
        ("--share", "half", "percentage"),
        ("--share", "-1", "percentage|expected"),
        ("--expires", "soon", "is not a time"),
        ("--min-quality", "x", "whole number"),
    ],
)
def test_a_malformed_option_is_named(api: Api, edgeward: Run, option: str, value: str, why: str) -> None:
    """And nothing is sent."""
    with pytest.raises(UserError, match=why):
        edgeward("list", "set", "court", option, value)
    assert api.requests == []


def test_limits_are_shown_where_there_are_some(api: Api, edgeward: Run) -> None:
    """On one line; a list without limits has none."""
    limits = {"hosts": ["a.test"], "paths": ["/x/"], "share": 2.5, "expires_at": 1893456000.0, "min_quality": 80}
    assert in_words({**HASH_LIST, **limits}) == "a.test /x/ 2.5% quality>=80 until 2030-01-01T00:00:00.000Z"
    unlimited = {"hosts": [], "paths": [], "share": 100.0, "expires_at": 0.0, "min_quality": 0}
    assert in_words({**HASH_LIST, **unlimited}) == in_words(HASH_LIST) == ""
    api.answer("GET /api/v1/lists", {"lists": [{**HASH_LIST, **limits}]})
    assert "a.test /x/ 2.5%" in edgeward("lists").out
