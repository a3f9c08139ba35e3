"""`doctor`: what it prints, and how it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import ApiUnavailable

WELL = {"about": "store", "check": "persistence", "health": "ok", "detail": "changes go to a file", "fix": ""}
ILL = {"about": "edge", "check": "purge", "health": "fail", "detail": "it refuses purges", "fix": "use the same secret"}


def test_findings_and_fixes_are_printed(edgeward: Callable[..., Ended], api: Api) -> None:
    """A table of all findings, then what to fix, and status 1."""
    api.answer("POST /api/v1/doctor", {"well": False, "findings": [WELL, ILL]})
    ended = edgeward("doctor", "--url", "http://host/a.jpg")
    assert ended.status == 1
    assert "FAIL" in ended.out
    assert "edge, purge: use the same secret." in ended.out


def test_all_is_well(edgeward: Callable[..., Ended], api: Api) -> None:
    """Without a failure the status is 0, and --json prints the response of the API."""
    api.answer("POST /api/v1/doctor", {"well": True, "findings": [WELL]})
    ended = edgeward("doctor", "--json")
    assert (ended.status, ended.json["well"]) == (0, True)


def test_without_a_controller_this_machine_is_examined(
    edgeward: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It says why, what it could find out, and ends with 1."""
    for name in ("EDGEWARD_API", "EDGEWARD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "edgeward.toml"
    settings.write_text('state_dir = "state"\n[proxy]\nlisten = "127.0.0.1:1"\n[store]\ntimeout_ms = 500\n')
    ended = edgeward("doctor", "-c", settings)
    assert ended.status == 1
    assert "api.json is missing" in ended.out
    assert "store.sock does not exist" in ended.out
    assert edgeward("doctor", "--json", "-c", settings).json["well"] is False


def test_another_machine_that_does_not_answer_is_an_error(
    edgeward: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings of this machine say nothing about it."""
    monkeypatch.setenv("EDGEWARD_API", "http://127.0.0.1:1")
    monkeypatch.setenv("EDGEWARD_TOKEN", "ew_secret")
    with pytest.raises(ApiUnavailable):
        edgeward("doctor")
