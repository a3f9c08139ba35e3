"""`purge --dry-run`, `takedown --dry-run`, and the question before a host is purged."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.cli.purge_previews import is_whole_host
from edgeward.errors import UserError

type Run = Callable[..., Ended]
URL = "http://photos.example/a.jpg"
FOUND = {"dry_run": True, "count": 30, "at_least": False, "hosts": {"photos.example": 28, "b.example": 2}, "images": 1}
FOUND |= {"targets": [{"url": f"{URL}?{n}", "vary": {}} for n in range(30)], "unmatched": []}
FOUND |= {"prefixes": [{"url": "http://photos.example/u/", "forgotten": 4}, {"url": "", "forgotten": 0}]}
TAKEDOWNS = "POST /api/v1/takedowns"


def test_a_dry_run_says_what_would_be_purged(api: Api, edgeward: Run) -> None:
    """How many at each host, the first targets, and what is purged as a whole."""
    api.answer("POST /api/v1/purges", FOUND)
    api.answer(TAKEDOWNS, FOUND)
    for argv in (("purge", URL), ("takedown", "--prefix", "http://photos.example/", "--wait")):
        ended = edgeward(*argv, "--dry-run")
        lines = ended.out.splitlines()
        assert (ended.status, ended.err) == (0, "")
        assert [line.split() for line in lines[1:3]] == [["photos.example", "28"], ["b.example", "2"]]
        assert (lines.count(f"would purge {URL}?0"), lines.count(f"would purge {URL}?20")) == (1, 0)
        assert "and 10 more targets" in lines
        assert "would purge everything below http://photos.example/u/ (4 forgotten targets)" in lines
        assert "would purge everything below every host" in lines
        assert lines[-1] == "30 targets would be purged at photos.example, b.example, of 1 image; nothing was ordered"
    assert [request.path.partition("?")[2] for request in api.requests] == ["dry_run=true"] * 2
    assert edgeward("purge", URL, "--dry-run", "--json").json == FOUND


def test_what_matches_nothing_is_status_1(api: Api, edgeward: Run) -> None:
    """As without --dry-run; with --json too."""
    nothing: dict[str, Any] = {**FOUND, "count": 0, "hosts": {}, "targets": [], "prefixes": [], "images": 0}
    api.answer(TAKEDOWNS, {**nothing, "unmatched": [URL] * 22})
    ended = edgeward("takedown", URL, "--dry-run")
    assert (ended.status, ended.out.splitlines()[-1]) == (1, "0 targets would be purged; nothing was ordered")
    assert f"nothing matched {URL}: no copy of it was seen" in ended.err
    assert "nothing matched 2 more" in ended.err
    assert edgeward("takedown", URL, "--dry-run", "--json").status == 1


def test_a_whole_host_needs_a_yes(api: Api, edgeward: Run) -> None:
    """A script gets the number of targets that were seen, and nothing is ordered. A path is no host."""
    api.answer(TAKEDOWNS, {**FOUND, "at_least": True})
    argv = ("takedown", URL, "--prefix", "http://photos.example/", "--prefix", "http://b.example/u/")
    with pytest.raises(UserError, match=r"below http://photos\.example/: at least 30 targets that were seen"):
        edgeward(*argv)
    (request,) = api.requests
    assert (request.json, request.path.endswith("?dry_run=true")) == ({"prefixes": ["http://photos.example/"]}, True)
    api.requests.clear()
    api.problem(TAKEDOWNS, 422, "stop here")
    for allowed in ((*argv, "--yes"), ("takedown", "--prefix", "http://b.example/u/")):
        with pytest.raises(UserError, match="stop here"):
            edgeward(*allowed)
    assert not any("dry_run" in request.path for request in api.requests)


def test_a_whole_host_is_recognized() -> None:
    """With and without the slash; not a path, a query, or what is no URL."""
    whole = ("http://h", "https://h/", "HTTP://h:81/", "http://h/#x", "http://h?")
    assert all(map(is_whole_host, whole))
    assert not any(map(is_whole_host, ("http://h/a", "http://h/a/", "http://h//", "http://h/?a", "http://[")))
