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


@pytest.fixture(autouse=True)
def _small_act(api: Api) -> None:
    api.answer(f"GET /api/v1/acts/{ACT_ID}", {**ACT, "listed": 1, "more": False, "added": 1})


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
    assert api.requests[1].path.endswith("?why=mistake&timeout=30.0")


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


@pytest.mark.parametrize("argv", [[], ["0123", "--image", "a.jpg"], ["--hash", MD5, "--job", "job-1"]])
def test_remove_takes_one_thing(api: Api, edgeward: Run, argv: list[str]) -> None:
    """Nothing, or two things, is a wrong command."""
    with pytest.raises(UserError, match="give one of ENTRY, --image FILE"):
        edgeward("remove", "court", *argv)
    assert api.requests == []


REMOVALS = "POST /api/v1/lists/court/removals"


def removed(count: int = 1, dry_run: bool = False, **more: Any) -> dict[str, Any]:
    named = [ENTRY] * min(count, 1000)
    return {"removed": named, "count": count, "dry_run": dry_run, "still": NOTHING, "remaining": None, **ACTIVE, **more}


def test_remove_by_what_entries_have_in_common(api: Api, edgeward: Run) -> None:
    """By hash, job or source id: the number is printed, and the first ones."""
    api.answer(REMOVALS, removed(30))
    for option, value, key in (
        ("--hash", MD5, "hashes"),
        ("--job", "job-1", "act"),
        ("--source-id", "42", "source_id"),
    ):
        api.requests.clear()
        ended = edgeward("remove", "court", option, value, "--reason", "r", "--yes")
        assert (ended.status, ended.out.count(f"removed {MD5}"), "removed 30 entries from court" in ended.out) == (
            0,
            20,
            True,
        )
        (request,) = api.requests
        assert request.json == {key: [value] if key == "hashes" else value, "why": "r"}
    api.answer(REMOVALS, removed(0))
    ended = edgeward("remove", "court", "--hash", MD5)
    assert (ended.status, ended.out.splitlines()[0]) == (1, "no such entry is on court: nothing was removed")


def test_a_dry_run_says_what_would_go(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """For an entry, a job and an image; nothing is asked, and its status is that of the removal."""
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"\xff\xd8 bytes")
    api.answer(REMOVALS, removed(2000, dry_run=True, active=False, waiting_for=["edge1"]))
    for argv in ([ENTRY["id"]], ["--job", "job-1"], ["--image", picture]):
        ended = edgeward("remove", "court", *argv, "--dry-run")
        assert (ended.status, ended.err) == (0, "")
        assert "would remove 2000 entries from court" in ended.out.splitlines()
    entry, job, image = api.requests
    assert entry.json == {"entries": [ENTRY["id"]], "dry_run": True}
    assert job.json == {"act": "job-1", "dry_run": True}
    assert image.path.endswith("?dry_run=true")


def test_more_than_a_thousand_entries_need_a_yes(api: Api, edgeward: Run) -> None:
    """Without a terminal the number is the error, and nothing was changed; 1000 are no question."""
    api.answer(REMOVALS, removed(1001, dry_run=True))
    with pytest.raises(UserError, match="this removes 1001 entries from court: give --yes"):
        edgeward("remove", "court", "--job", "job-1")
    assert [request.json["dry_run"] for request in api.requests] == [True]
    api.answer(REMOVALS, removed(1000))
    assert edgeward("remove", "court", "--job", "job-1").status == 0
    api.answer(UNDO, undone())
    api.answer(f"GET /api/v1/acts/{ACT_ID}", {**ACT, "added": 1001})
    with pytest.raises(UserError, match="this takes back 1001 entries: give --yes"):
        edgeward("undo", ACT_ID)
    assert edgeward("undo", ACT_ID, "--yes").status == 0


def test_an_act_without_a_record_is_not_asked_about(api: Api, edgeward: Run) -> None:
    """The undo says what it is: a takedown that has not listed yet can be undone too."""
    api.problem(f"GET /api/v1/acts/{ACT_ID}", 404, "no act")
    api.answer(UNDO, undone())
    assert edgeward("undo", ACT_ID).status == 0


def test_an_undo_names_what_it_puts_back(api: Api, edgeward: Run) -> None:
    """What an import had withdrawn is on the list again."""
    act = {**ACT, "removed": 0, "withdrawn": 1, "restored": 1}
    api.answer(UNDO, undone(removed=[], restored=[ENTRY], act=act))
    first, second = edgeward("undo", ACT["id"]).out.splitlines()[:2]
    assert first == f"put back {MD5} on court"
    assert second.startswith("0 entries removed, 0 kept, 1 put back; listed on court by ana")
