"""The doctor without a controller."""

from pathlib import Path

from tests.support.controllers import settings
from tests.support.programs import free_port

from edgeward.doctor.finding import Health
from edgeward.doctor.local import examine_locally
from edgeward.settings.config import Config


async def test_nothing_runs(tmp_path: Path) -> None:
    """The store, the directory, the caches and the proxy are looked at, and nothing is said to be well that is not."""
    caches = [{"name": "edge", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"}]
    data = {"state_dir": str(tmp_path), "caches": caches, "store": {"timeout_ms": 500}}
    config = Config.model_validate({**data, "proxy": {"listen": f"127.0.0.1:{free_port()}"}})
    findings = await examine_locally(config, "api.json is missing")
    found = {(each.about, each.check): each.health for each in findings}
    failed = {key for key, health in found.items() if health is Health.FAIL}
    assert failed == {("controller", "api"), ("store", "address"), ("store", "process"), ("edge", "purge")}
    assert found["state_dir", "directory"] is Health.OK
    assert found["proxy", "client"] is Health.SKIPPED
    assert len(findings) == len(set(findings))


async def test_a_store_that_works_is_checked_as_ever(redis_url: str, tmp_path: Path) -> None:
    """Only the controller is missing."""
    findings = await examine_locally(settings(redis_url, tmp_path), "connection refused")
    found = {(each.about, each.check): each for each in findings}
    assert "connection refused" in found["controller", "api"].detail
    assert found["store", "data"].health is Health.SKIPPED
    assert ("store", "persistence") in found
    assert ("caches", "configured") in found
