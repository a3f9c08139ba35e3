"""`rollback`."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.cli import imports

type Run = Callable[..., Ended]
JOB = {
    "id": "job-1",
    "kind": "import",
    "list": "court",
    "by": "local",
    "at": 1767225600.5,
    "reason": "rolled back to version 17",
    "state": "running",
    "error": "",
    "total": 2000,
    "listed": 0,
    "added": 0,
    "known": 0,
    "bad": 0,
    "versions": None,
    "matched": 0,
    "orders": 0,
    "owed": {},
}
DONE = {**JOB, "state": "done", "listed": 2000, "added": 2000, "versions": [3, 3], "matched": 2000}
NEW = {**JOB, "bad_lines": [], "repeated": 0}
ROUTE = "POST /api/v1/lists/court/rollback"
WITHDRAWALS = {"withdrawals": 3, "withdrawn_sources": 0, "withdrawn": 3}


def test_it_says_what_is_done(api: Api, edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an import does, and how to undo it; with --wait once all is purged."""
    monkeypatch.setattr(imports, "POLL_SECONDS", 0.01)
    api.answer(ROUTE, {"job": {**NEW, **WITHDRAWALS}})
    ended = edgeward("rollback", "court", "17", "--reason", "by mistake")
    assert ended.status == 0
    assert "to undo this: edgeward undo job-1" in ended.out
    api.answer("GET /api/v1/jobs/job-1", {**DONE, **WITHDRAWALS, "known": 0})
    assert edgeward("rollback", "court", "17", "--wait").status == 0


def test_a_dry_run_changes_nothing(api: Api, edgeward: Run) -> None:
    """It says what would be listed and withdrawn."""
    answer = {"total": 2, "bad": 0, "bad_lines": [], "repeated": 0, "new": 2, "known": 0, "changed": 0, "not_listed": 0}
    api.answer(ROUTE, {**answer, **WITHDRAWALS, "effect": None})
    ended = edgeward("rollback", "court", "17", "--dry-run")
    assert "2 new, 0 already listed" in ended.out
    assert "would withdraw 3 entries" in ended.out


def test_a_list_that_is_the_same_stays(api: Api, edgeward: Run) -> None:
    """Nothing was done, and that is said."""
    api.answer(ROUTE, {"job": {**NEW, "total": 0, **WITHDRAWALS, "withdrawals": 0}})
    ended = edgeward("rollback", "court", "17")
    assert (ended.status, ended.err) == (0, "edgeward: the list 'court' is as it was at version 17\n")
