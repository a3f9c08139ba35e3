"""`jobs` and `jobs cancel`. What `jobs` prints is tested in test_imports.py too."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import Conflict, UserError

type Run = Callable[..., Ended]
ACT = {"id": "job-1", "removed": 1000, "kept": 2, "restored": 3}


def test_a_job_is_cancelled(api: Api, edgeward: Run) -> None:
    """The command says what was taken back and put back; status 1 while that goes on."""
    api.answer("DELETE /api/v1/jobs/job-1", {"act": ACT, "state": "done"})
    ended = edgeward("jobs", "cancel", "job-1", "--reason", "the wrong file")
    assert (ended.status, api.requests[0].path.partition("?")[2]) == (0, "why=the+wrong+file&timeout=30.0")
    assert ended.out == (
        "job-1 is cancelled: 1000 entries removed, 2 kept, as another act lists them too, 3 put back\n"
    )
    api.answer("DELETE /api/v1/jobs/job-1", {"act": {**ACT, "kept": 0, "restored": 0}, "state": "running"}, 202)
    ended = edgeward("jobs", "cancel", "job-1")
    assert (ended.status, "edgeward undo job-1" in ended.err) == (1, True)
    assert edgeward("jobs", "cancel", "job-1", "--json").json["act"]["removed"] == 1000
    api.problem("DELETE /api/v1/jobs/job-1", 409, "job-1 has ended")
    with pytest.raises(Conflict, match="has ended"):
        edgeward("jobs", "cancel", "job-1")


def test_two_ids_are_an_error(edgeward: Run) -> None:
    """The message says what is meant."""
    with pytest.raises(UserError, match="edgeward jobs cancel ID"):
        edgeward("jobs", "job-1", "job-2")
