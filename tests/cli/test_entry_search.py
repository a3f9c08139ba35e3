"""`entries`: a search, page by page."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import ENTRY, Api, Ended, Pages

from edgeward.errors import UserError

type Run = Callable[..., Ended]
KNOWN = {**ENTRY, "source_id": "4242-17", "tags": ["A1", "b"]}


def test_entries_are_a_table(api: Api, edgeward: Run) -> None:
    """With the programme's id and tags; the options are the API's filters."""
    api.answer("GET /api/v1/entries", {"entries": [KNOWN], "cursor": None})
    argv = ("--reason", "order", "--source-id", "4242-17", "--job", "act-1", "--tag", "A1", "--since", "2026-01-01")
    ended = edgeward("entries", "court", *argv)
    assert ended.out.splitlines()[0].split("  ")[0] == "ID"
    for text in (ENTRY["id"], "court", "4242-17", "A1, b", "order 17"):
        assert text in ended.out.splitlines()[1]
    query = "list=court&act=act-1&reason=order&source_id=4242-17&tag=A1&since=1767225600.0&limit=100"
    assert api.requests[0].path == f"/api/v1/entries?{query}"


def test_distances_are_shown(api: Api, edgeward: Run) -> None:
    """Of what is near a hash."""
    api.answer("GET /api/v1/entries", {"entries": [{**ENTRY, "distance": 12}], "cursor": None})
    title, row = (line.split() for line in edgeward("entries", "--near", f"pdq:{'0f' * 32}").out.splitlines())
    assert (title[-2:], row[-3]) == (["DISTANCE", "REASON"], "12")
    with pytest.raises(UserError, match="--hash or --near"):
        edgeward("entries", "--near", "pdq:1", "--hash", "md5:2")


def test_pages_are_read_to_the_limit(api: Api, edgeward: Run) -> None:
    """Also those on which nothing was found; an entry that comes twice is one. The rest is one command away."""
    other, third = {**ENTRY, "id": "cd" * 10}, {**ENTRY, "id": "ef" * 10}
    pages = ([], "court:7"), ([ENTRY], "court:9"), ([ENTRY, other, third], "partner:2")
    api.answers = Pages(*({"entries": entries, "cursor": cursor} for entries, cursor in pages))
    ended = edgeward("entries", "--reason", "a b", "--since", "2026-01-01", "--limit", 2, "--json")
    assert ended.json == {"entries": [ENTRY, other, third], "cursor": "partner:2"}
    sent = [request.path.partition("limit=")[2] for request in api.requests]
    assert sent == ["2", "2&cursor=court%3A7", "1&cursor=court%3A9"]
    api.answers = Pages({"entries": [ENTRY], "cursor": "court:9"})
    ended = edgeward("entries", "--reason", "a b", "--since", "2026-01-01", "--job", "j", "--limit", 1)
    command = "edgeward entries --job j --reason 'a b' --since 2026-01-01T00:00:00.000Z --limit 1 --cursor court:9"
    assert ended.err == f"edgeward: more: {command}\n"
