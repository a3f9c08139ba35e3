"""`caches`, `caches forget` and `caches emptied`: what they send and print."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import NotFound

EDGE = {
    "name": "edge", "driver": "varnish", "configured": "here", "configured_at": 1.0, "pending": 3,
    "oldest_seconds": 7.4, "refused": 0,
}  # fmt: skip
SECOND = {**EDGE, "name": "second", "driver": "", "configured": "nowhere", "pending": 0, "refused": 1}


def test_what_each_owes(edgeward: Callable[..., Ended], api: Api) -> None:
    """One line a cache. The status is 1 if one that nobody has owes or refuses something."""
    for caches, status in (([EDGE], 0), ([EDGE, SECOND], 1), ([EDGE, {**SECOND, "refused": 0}], 0)):
        api.answer("GET /api/v1/caches", {"caches": caches})
        ended = edgeward("caches")
        assert ended.status == status
        assert [line.split()[0] for line in ended.out.splitlines()[1:]] == [each["name"] for each in caches]
        assert "7 s" in ended.out
        assert ("`edgeward caches forget second`" in ended.err) is bool(status)
        assert edgeward("caches", "--json").json == {"caches": caches}


def test_one_is_written_off(edgeward: Callable[..., Ended], api: Api) -> None:
    """The answer says how much it owed; an unknown name is an error."""
    api.answer("POST /api/v1/caches/forget", {"name": "second", "forgotten": SECOND})
    ended = edgeward("caches", "forget", "second", "--reason", "sold")
    assert (ended.status, ended.out) == (0, "forgotten: second, with 1 purge that it owed\n")
    assert api.requests[-1].json == {"name": "second", "why": "sold"}
    api.answer("POST /api/v1/caches/forget", {"name": "second", "forgotten": None})
    with pytest.raises(NotFound, match="'second'"):
        edgeward("caches", "forget", "second")


def test_one_was_emptied(edgeward: Callable[..., Ended], api: Api) -> None:
    """An unknown name is an error."""
    api.answer("POST /api/v1/caches/emptied", {"name": "edge", "emptied": True})
    ended = edgeward("caches", "emptied", "edge", "--reason", "restarted")
    assert (ended.status, ended.out) == (0, "on record: every copy that was in edge until now is gone\n")
    assert api.requests[-1].json == {"name": "edge", "why": "restarted"}
    assert edgeward("caches", "emptied", "edge", "--json").json == {"name": "edge", "emptied": True}
    api.answer("POST /api/v1/caches/emptied", {"name": "second", "emptied": False})
    with pytest.raises(NotFound, match="'second'"):
        edgeward("caches", "emptied", "second")
