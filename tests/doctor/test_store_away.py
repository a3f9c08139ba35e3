"""What is found out about a store that does not work."""

from pathlib import Path

import pytest
from tests.support.controllers import settings
from tests.support.programs import free_port

from edgeward.doctor import store_away
from edgeward.doctor.finding import Health
from edgeward.doctor.store_away import check_store_away
from edgeward.errors import StoreUnavailable
from edgeward.settings.config import Config


def embedded_config(state_dir: Path) -> Config:
    return Config.model_validate({"state_dir": str(state_dir), "store": {"url": "embedded", "timeout_ms": 500}})


async def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    """Its address and the failed step, and what to do."""
    port = free_port()
    (finding,) = await check_store_away(settings(f"redis://127.0.0.1:{port}", tmp_path))
    assert (finding.about, finding.check, finding.health) == ("store", "connection", Health.FAIL)
    assert f"127.0.0.1:{port}: connection refused" in finding.detail
    assert finding.fix


async def test_an_embedded_store_that_does_not_run(tmp_path: Path) -> None:
    """The socket, the process, the end of its log, the directory and its disk."""
    (tmp_path / "store").mkdir()
    log = "12:M 30 Nov 2026 06:00:00.000 # Bad file format reading the append only file\n"
    (tmp_path / "store" / "server.log").write_text(log)
    found = {(each.about, each.check): each for each in await check_store_away(embedded_config(tmp_path))}
    assert set(found) == {
        ("store", "address"),
        ("store", "process"),
        ("state_dir", "directory"),
        ("state_dir", "disk"),
    }
    assert "does not exist" in found["store", "address"].detail
    assert "Bad file format" in found["store", "process"].detail
    assert "12:M" not in found["store", "process"].detail


async def test_a_program_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding says what to install."""

    def none() -> Path:
        raise StoreUnavailable("no valkey-server or redis-server on PATH")

    monkeypatch.setattr(store_away.embedded, "find_server", none)
    found = {each.check: each for each in await check_store_away(embedded_config(tmp_path))}
    assert found["process"].health is Health.FAIL
    assert "install" in found["process"].fix


async def test_a_failure_that_has_passed_is_still_one(redis_url: str, tmp_path: Path) -> None:
    """The caller could not use the store: that every step works now is no "ok"."""
    findings = await check_store_away(settings(redis_url, tmp_path))
    assert findings[-1].health is Health.FAIL
    assert "works now" in findings[-1].detail
