"""`held`, `approve`, `reject`, and commands whose update is held."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import Exit, Held

type Run = Callable[..., Ended]
UPDATE = {
    "id": "job-1", "kind": "import", "list": "court", "what": "9 hashes", "by": "ana", "at": 1767225600.5,
    "why": "order 17", "state": "held", "error": "", "statement": "job-1 is held: too much", "reasons": ["too much"],
    "images": 30, "targets": 40, "hosts": 2, "protected": 0, "protected_hashes": 0, "seen_in_last_day": 700,
    "at_least": True, "sampled": 60, "images_seen": 200, "values": None,
}  # fmt: skip

DRY_RUN = {"held": ["too much"], "bad": 0, "bad_lines": [], "repeated": 0, "changed": 0, "effect": None}


def test_held_updates_are_shown(api: Api, edgeward: Run) -> None:
    """All in a table; one with why it is held, and what its numbers mean."""
    api.answer("GET /api/v1/held", {"held": [UPDATE]})
    shown = edgeward("held")
    assert shown.status == 0
    assert [each in shown.out for each in ("job-1", "9 hashes", "at least 30", "ana")] == [True] * 4
    api.answer("GET /api/v1/held/job-1", UPDATE)
    one = edgeward("held", "job-1").out
    assert [each in one for each in ("too much", "60 of 200 images", "order 17", "700")] == [True] * 4
    assert edgeward("held", "job-1", "--json").json == UPDATE


def test_an_update_is_decided(api: Api, edgeward: Run) -> None:
    """With a reason; the command says where to look next."""
    for kind, command in (("import", "edgeward jobs job-1"), ("list", "edgeward list show court")):
        api.answer("POST /api/v1/held/job-1/approve", {**UPDATE, "kind": kind}, 202)
        assert command in edgeward("approve", "job-1", "--reason", "seen them").out
        assert api.requests[-1].json == {"why": "seen them"}
    api.answer("POST /api/v1/held/job-1/reject", {**UPDATE, "state": "rejected"})
    assert "nothing of it was applied" in edgeward("reject", "job-1").out
    assert edgeward("reject", "job-1", "--json").json["state"] == "rejected"


def test_a_command_whose_update_is_held_says_so(api: Api, edgeward: Run) -> None:
    """With status 1: it is not done."""
    api.answer("POST /api/v1/lists/court/entries", {"held": UPDATE}, 202)
    api.answer("PATCH /api/v1/lists/court", {"held": UPDATE}, 202)
    for command in (("add", "court", "--hash", "md5:" + "ab" * 16), ("list", "set", "court", "--mode", "enforce")):
        with pytest.raises(Held, match="job-1 is held: too much") as held:
            edgeward(*command)
        assert held.value.exit_status is Exit.FOUND
    api.answer(
        "POST /api/v1/takedowns",
        {"id": "td-1", "state": "held", "error": "", "held": UPDATE, "purge": {"orders": 0}},
        202,
    )
    ended = edgeward("takedown", "--hash", "md5:" + "ab" * 16)
    assert (ended.status, "job-1 is held: too much" in ended.err, "edgeward approve td-1" in ended.err) == (
        1,
        True,
        True,
    )


def test_a_held_import_is_not_waited_for(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """Nor is it said how to undo it: it has done nothing."""
    file = tmp_path / "hashes.txt"
    file.write_text("md5:" + "ab" * 16)
    counts = dict.fromkeys(("total", "bad", "listed", "added", "known", "matched", "orders"), 1)
    job = {**UPDATE, **counts, "reason": "", "bad_lines": [], "bad": 0, "held": UPDATE}
    api.answer("POST /api/v1/lists/court/imports", {"job": job}, 202)
    ended = edgeward("import", "court", str(file), "--wait")
    assert (ended.status, "to undo" in ended.out, "edgeward approve job-1" in ended.err) == (1, False, True)
    api.answer("POST /api/v1/lists/court/imports", {"total": 1, "new": 1, "known": 0, **DRY_RUN})
    assert (
        "it would be held until a second person approves it: too much"
        in edgeward("import", "court", str(file), "--dry-run").out
    )
