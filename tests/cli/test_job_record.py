"""A job is asked for until a controller answers."""

import pytest
from tests.cli.conftest import Api, Pages

from edgeward.cli import job_record as module
from edgeward.cli.client import Client
from edgeward.cli.job_record import JobRecord
from edgeward.errors import ApiUnavailable

PROBLEM = {"type": "about:blank", "title": "Unavailable", "status": 503, "detail": "the lists are not loaded yet"}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


def test_it_is_asked_for_again(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """While a controller starts; that is said once, with the id of the job."""
    api.answers = Pages((503, PROBLEM), (503, PROBLEM), {"state": "running"}, (503, PROBLEM), {"state": "done"})
    record = JobRecord(Client(api.url, "t"), "job-1", 60.0)
    assert [record.get()["state"], record.get()["state"]] == ["running", "done"]
    assert capsys.readouterr().err.count("not loaded yet; job-1 is recorded, and goes on") == 1


def test_in_the_end_the_error_names_the_job() -> None:
    """Nobody knows by then what became of it."""
    with pytest.raises(ApiUnavailable, match="job-1 is recorded: see `edgeward jobs job-1`"):
        JobRecord(Client("http://127.0.0.1:9", "t"), "job-1", 0.0).get()
