"""`lists` and `list`: what is sent, and what is printed."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import ACTIVE, ENTRY, HASH_LIST, Api, Ended

from edgeward.errors import UserError

type Run = Callable[..., Ended]
LIST = "/api/v1/lists/court"


def test_lists_shows_a_table(api: Api, edgeward: Run) -> None:
    """Each list is one line with its policy."""
    api.answer("GET /api/v1/lists", {"lists": [HASH_LIST]})
    header, line = edgeward("lists").out.splitlines()
    assert header.split()[:5] == ["NAME", "KIND", "MODE", "ACTION", "ENTRIES"]
    assert line.split(maxsplit=5) == [
        "court",
        "block",
        "enforce",
        "451",
        "1",
        "pdq=31, phash=6, dhash=6, pdq-dhash=72  yes        no        no       -       orders",
    ]


def test_lists_as_json_is_the_apis_own(api: Api, edgeward: Run) -> None:
    """--json prints the response of the API unchanged."""
    api.answer("GET /api/v1/lists", {"lists": [HASH_LIST]})
    assert edgeward("lists", "--json").json == {"lists": [HASH_LIST]}


def test_create_sends_the_given_options(api: Api, edgeward: Run) -> None:
    """Each given option becomes a field; the API decides about the others."""
    api.answer("POST /api/v1/lists", {**HASH_LIST, **ACTIVE}, 201)
    edgeward("list", "create", "court")
    edgeward(
        *("list", "create", "court", "--kind", "allow", "--mode", "monitor", "--action", "placeholder"),
        *("--radius", "pdq=20", "--radius", "phash=4", "--rotations", "--geometry", "--description", "d"),
        *("--reason", "r"),
    )
    assert api.requests[0].json == {"name": "court"}
    assert api.requests[1].json == {
        "name": "court",
        "kind": "allow",
        "mode": "monitor",
        "action": "placeholder",
        "radius": {"pdq": 20, "phash": 4},
        "rotations": True,
        "geometry": True,
        "description": "d",
        "why": "r",
    }


def test_set_sends_only_changes(api: Api, edgeward: Run) -> None:
    """Options that are not given are not sent and so stay; a radius can be reset to its default."""
    api.answer(f"PATCH {LIST}", {**HASH_LIST, **ACTIVE})
    edgeward("list", "set", "court", "--mode", "off", "--radius", "pdq=default")
    edgeward("list", "set", "court", "--no-rotations")
    assert api.requests[0].json == {"mode": "off", "radius": {"pdq": None}}
    assert api.requests[1].json == {"rotations": False}


def test_set_without_a_change_is_refused(api: Api, edgeward: Run) -> None:
    """A reason alone is no change, and nothing is sent."""
    with pytest.raises(UserError, match="nothing to change"):
        edgeward("list", "set", "court", "--reason", "r")
    assert api.requests == []


@pytest.mark.parametrize("radius", ["pdq", "pdq=", "=3", "pdq=x", "pdq=-1", "pdq=²"])
def test_a_malformed_radius_is_named(edgeward: Run, radius: str) -> None:
    """A radius that is not TYPE=BITS is named."""
    with pytest.raises(UserError, match="is not TYPE=BITS"):
        edgeward("list", "create", "court", "--radius", radius)


def test_delete_says_how_much_is_gone(api: Api, edgeward: Run) -> None:
    """The reason is sent, and the number of deleted entries is printed."""
    api.answer(f"GET {LIST}", HASH_LIST)
    api.answer(f"DELETE {LIST}", {"removed": HASH_LIST, **ACTIVE})
    assert edgeward("list", "delete", "court", "--reason", "r & s").out == "deleted court and its 1 entry\n"
    assert api.requests[1].path.endswith("?why=r+%26+s")


def test_to_delete_a_long_list_needs_a_yes(api: Api, edgeward: Run) -> None:
    """A script gets the number, and the list stays."""
    api.answer(f"GET {LIST}", {**HASH_LIST, "entries": 1_000_000})
    api.answer(f"DELETE {LIST}", {"removed": HASH_LIST, **ACTIVE})
    with pytest.raises(UserError, match="this deletes court and its 1000000 entries: give --yes"):
        edgeward("list", "delete", "court")
    assert [request.method for request in api.requests] == ["GET"]
    assert edgeward("list", "delete", "court", "--yes").status == 0


def test_show_shows_list_and_entries(api: Api, edgeward: Run) -> None:
    """`list show` prints the policy, the entries and the command for the next page."""
    api.answer(f"GET {LIST}", HASH_LIST)
    api.answer(f"GET {LIST}/entries", {"entries": [ENTRY], "cursor": 5})
    out = edgeward("list", "show", "court", "--limit", 1).out
    assert "2026-01-01T00:00:00.500Z" in out
    assert ENTRY["id"] in out
    assert out.endswith("more: edgeward list show court --cursor 5\n")
    assert api.requests[1].path.endswith("?cursor=0&limit=1")


def test_show_counts_what_matches_nothing(api: Api, edgeward: Run) -> None:
    """Entries that no image can match are counted by type, if there are any."""
    api.answer(f"GET {LIST}/entries", {"entries": [ENTRY], "cursor": 0})
    api.answer(f"GET {LIST}", HASH_LIST)
    assert "match nothing" not in edgeward("list", "show", "court").out
    api.answer(f"GET {LIST}", {**HASH_LIST, "not_matchable": {"photodna": 3, "md5": 1}})
    assert "match nothing  photodna=3, md5=1\n" in edgeward("list", "show", "court").out


def test_show_as_json(api: Api, edgeward: Run) -> None:
    """--json prints both responses of the API as one object."""
    api.answer(f"GET {LIST}", HASH_LIST)
    api.answer(f"GET {LIST}/entries", {"entries": [ENTRY], "cursor": 0})
    assert edgeward("list", "show", "court", "--json").json == {"list": HASH_LIST, "entries": [ENTRY], "cursor": 0}


def test_a_change_that_is_not_active_everywhere_is_status_1(api: Api, edgeward: Run) -> None:
    """A process that does not know the change yet is named."""
    api.answer("POST /api/v1/lists", {**HASH_LIST, "version": 8, "active": False, "waiting_for": ["proxy-9"]}, 201)
    ended = edgeward("list", "create", "court")
    assert ended.status == 1
    assert "proxy-9" in ended.err
