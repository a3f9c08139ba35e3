"""`undo` and `remove`: what went is named, and so is what still blocks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ACTIVE, ENTRY, Api, Ended

from edgeward.errors import UserError

type Run = Callable[..., Ended]
ACT_ID = str(ENTRY["act"])
MD5 = f"md5:{ENTRY['value']}"
NOTHING = {"blocking": [], "allowed": None, "checked": 1, "unchecked": 0}
MATCH = {"list": "partner", "mode": "enforce", "kind": "block", "entry": "ab" * 10, "act": "act-2", "type": "pdq"}
MATCH |= {"distance": 4, "view": "stored", "frame": 0, "reason": ""}
ACT = {"id": ACT_ID, "list": "court", "by": "ana", "at": 1767225600.5, "why": "order 17", "known": 0}
ACT |= {
    "undone_by": "bo",
    "undone_why": "",
    "undone_at": 1767225601.0,
    "done_at": 1767225601.5,
    "removed": 1,
    "kept": 0,
}
REMOVE = f"DELETE /api/v1/lists/court/entries/{ENTRY['id']}"
UNDO = f"DELETE /api/v1/acts/{ACT_ID}"


def undone(still: Any = NOTHING, state: str = "done", **more: Any) -> dict[str, Any]:
    return {"act": ACT, "state": state, "removed": [ENTRY], "kept": [], **ACTIVE, "still": still, **more}


def test_undo_names_what_went(api: Api, edgeward: Run) -> None:
    """Each entry that was removed, and that nothing else blocks."""
    api.answer(UNDO, undone())
    ended = edgeward("undo", ACT_ID, "--reason", "mistake")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        f"removed {MD5} from court",
        "1 entry removed, 0 kept; listed on court by ana at 2026-01-01T00:00:00.500Z",
        "no other entry blocks these hashes",
    ]
    assert api.requests[0].path.endswith("?why=mistake&timeout=30.0")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_image_that_is_still_blocked_is_status_1(api: Api, edgeward: Run, options: list[str]) -> None:
    """The entry that blocks it is named, with its list, type, distance, and how it is taken back."""
    api.answer(UNDO, undone({**NOTHING, "blocking": [MATCH]}))
    ended = edgeward("undo", ACT_ID, *options)
    assert ended.status == 1
    if not options:
        named = f"still blocked by pdq entry {'ab' * 10} on partner at distance 4: `edgeward undo act-2`"
        assert named in ended.out.splitlines()
        assert "no other entry" not in ended.out


def test_what_another_act_lists_is_named(api: Api, edgeward: Run) -> None:
    """An entry that stays says by which act."""
    kept = [{**ENTRY, "kept_by": "act-2"}, {**ENTRY, "kept_by": ""}]
    api.answer(UNDO, undone(kept=kept, removed=[], act={**ACT, "removed": 0, "kept": 2}))
    first, second, *_ = edgeward("undo", ACT_ID).out.splitlines()
    assert first == f"kept {MD5} on court: also listed by act-2; `edgeward undo act-2` takes that back"
    assert second.startswith(f"kept {MD5} on court: it was listed before acts were recorded")


def test_an_undo_that_goes_on_is_status_1(api: Api, edgeward: Run) -> None:
    """A long import may take longer than the command waits: it does not claim to be done."""
    api.answer(UNDO, undone(state="running"), 202)
    ended = edgeward("undo", ACT_ID, "--timeout", 1)
    assert (ended.status, "the undo goes on" in ended.err) == (1, True)


def test_what_was_not_checked_is_counted(api: Api, edgeward: Run) -> None:
    """After the undo of many hashes the command says how many were not matched against the lists again: status 1."""
    api.answer(UNDO, undone({**NOTHING, "checked": 500, "unchecked": 9500}))
    ended = edgeward("undo", ACT_ID)
    assert "no other entry blocks the 500 hashes that were checked" in ended.out.splitlines()
    assert "9500 hashes not checked for other entries: too many" in ended.out
    assert ended.status == 1


def test_remove_names_what_went(api: Api, edgeward: Run) -> None:
    """An entry is removed from its list, with the reason, and is printed."""
    api.answer(REMOVE, {"removed": ENTRY, "still": NOTHING, "remaining": None, **ACTIVE})
    ended = edgeward("remove", "court", ENTRY["id"], "--reason", "mistake")
    assert (ended.status, ended.out.splitlines()[0]) == (0, f"removed {MD5} from court")
    assert api.requests[0].path.endswith("?why=mistake")


def test_remove_says_what_is_left_of_the_act(api: Api, edgeward: Run) -> None:
    """The other entries that were listed together with it, and how to take all back."""
    left = {**ACT, "listed": 3, "more": False}
    api.answer(REMOVE, {"removed": ENTRY, "still": {**NOTHING, "blocking": [MATCH]}, "remaining": left, **ACTIVE})
    ended = edgeward("remove", "court", ENTRY["id"])
    assert ended.status == 1
    assert f"3 other entries of {ACT_ID} still listed: `edgeward undo {ACT_ID}` takes back all" in ended.out


def test_remove_by_image_sends_its_bytes(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """The API hashes it; every entry that was removed is named."""
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"\xff\xd8 bytes")
    route = "POST /api/v1/lists/court/removals"
    api.answer(route, {"removed": [ENTRY, ENTRY], "still": NOTHING, "remaining": None, **ACTIVE})
    ended = edgeward("remove", "court", "--image", picture, "--reason", "r")
    assert (ended.status, ended.out.count(f"removed {MD5}")) == (0, 2)
    assert api.requests[0].body == picture.read_bytes()
    assert api.requests[0].path.endswith("?why=r")
    api.answer(route, {"removed": [], "still": {**NOTHING, "blocking": [MATCH]}, "remaining": None, **ACTIVE})
    ended = edgeward("remove", "court", "--image", picture)
    assert ended.status == 1
    assert ended.out.startswith(f"no hash of {picture} is on court: nothing was removed\nstill blocked by pdq")


@pytest.mark.parametrize("argv", [[], ["0123", "--image", "a.jpg"]])
def test_remove_takes_an_entry_or_an_image(api: Api, edgeward: Run, argv: list[str]) -> None:
    """Neither, or both, is a wrong command."""
    with pytest.raises(UserError, match="either ENTRY or --image"):
        edgeward("remove", "court", *argv)
    assert api.requests == []


def test_an_undo_names_what_it_puts_back(api: Api, edgeward: Run) -> None:
    """What an import had withdrawn is on the list again."""
    act = {**ACT, "removed": 0, "withdrawn": 1, "restored": 1}
    api.answer(UNDO, undone(removed=[], restored=[ENTRY], act=act))
    first, second = edgeward("undo", ACT["id"]).out.splitlines()[:2]
    assert first == f"put back {MD5} on court"
    assert second.startswith("0 entries removed, 0 kept, 1 put back; listed on court by ana")
