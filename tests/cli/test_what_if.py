"""`what-if`: what is sent, and what is printed."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cli.conftest import Api, Ended

type Run = Callable[..., Ended]
ANSWER: dict[str, Any] = {
    "list": "court",
    "before": {"radius": {"pdq": 31}, "rotations": False, "geometry": False},
    "after": {"radius": {"pdq": 40}, "rotations": False, "geometry": False},
    "entries": 3,
    "searched": 3,
    "complete": True,
    "images": 120,
    "matching": 5,
    "would_match": 7,
    "distances": {"md5": {"0": 1}, "pdq": {"12": 4, "38": 2}},
}
PATH = "GET /api/v1/lists/court/what-if"


def test_a_histogram(api: Api, edgeward: Run) -> None:
    """One line for each distance; those beyond the radius of now are marked. Only what was given is sent."""
    api.answer(PATH, ANSWER)
    ended = edgeward("what-if", "court", "--radius", "pdq=40", "--radius", "dhash=default", "--rotations")
    assert ended.status == 0
    first, _, header, *lines = ended.out.splitlines()
    assert first == "120 images seen; 5 match court now, 7 would match"
    assert header.split() == ["TYPE", "DISTANCE", "IMAGES"]
    assert [line.split() for line in lines] == [
        ["md5", "0", "1", "#" * 10],
        ["pdq", "12", "4", "#" * 40],
        ["pdq", "38", "2", "#" * 20, "new"],
    ]
    query = parse_qs(urlsplit(api.requests[0].path).query)
    assert query == {"radius": ["pdq=40,dhash=default"], "rotations": ["true"], "timeout": ["30.0"]}


def test_an_incomplete_search_is_exit_status_1(api: Api, edgeward: Run) -> None:
    """With what to do about it; --json prints the answer unchanged."""
    answer = {**ANSWER, "searched": 1, "complete": False}
    api.answer(PATH, answer)
    ended = edgeward("what-if", "court")
    assert ended.status == 1
    assert "only 1 of 3 entries were searched for: the counts are too low (give a longer --timeout)" in ended.err
    assert edgeward("what-if", "court", "--json").json == answer
