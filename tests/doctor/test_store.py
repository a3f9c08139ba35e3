"""Checks of real stores."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import STORE_TIMEOUT_MS
from tests.support.controllers import listens
from tests.support.eventually import until
from tests.support.programs import require
from tests.support.stepping_store import SteppingStore

from edgeward.doctor.finding import Finding, Health
from edgeward.doctor.store import check_store
from edgeward.lists.replication.membership import Membership
from edgeward.lists.replication.own_membership import OwnMembership
from edgeward.store.connection import Store

GOOD = ("--appendonly", "yes", "--hash-max-listpack-value", "512")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a redis-server with the given options. Returns its URL."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        path = tmp_path / "s"
        command = [require("redis-server"), "--port", "0", "--unixsocket", path, "--dir", tmp_path, "--save", ""]
        running.append(subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL))
        until(lambda: listens(path))
        return f"unix://{path}"

    yield start
    for process in running:
        process.terminate()
        process.wait(60)


@pytest.fixture
async def findings_of(server: Callable[..., str]) -> AsyncIterator[Callable[..., object]]:
    stores: list[Store] = []

    async def run(*options: str, replicas: int = 0) -> dict[str, Finding]:
        stores.append(await Store.connect(server(*options), "doctor"))
        return {finding.check: finding for finding in await check_store(stores[-1], replicas)}

    yield run
    for store in stores:
        await store.close()


async def test_a_well_configured_store(findings_of: Callable[..., object]) -> None:
    """With an append-only file, no eviction, free memory and the same clock there is nothing to fix."""
    findings = await findings_of(*GOOD)  # type: ignore[misc]
    assert {finding.health for finding in findings.values()} == {Health.OK}
    assert set(findings) == {"persistence", "replication", "memory", "skew", "steps"}


async def test_a_step_of_the_stores_clock_is_told_for_a_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its size."""

    async def steps() -> Finding:
        return {each.check: each for each in await check_store(store, 0)}["steps"]

    assert (await steps()).health is Health.OK
    await Membership(store).note_clock_step(-299.5, store.clock.now())
    found = await steps()
    assert (found.health, "by -299.5 s at 20" in found.detail) == (Health.WARN, True)
    monkeypatch.setattr("edgeward.doctor.store.STEP_SHOWN_SECONDS", -60.0)
    assert (await steps()).health is Health.OK


async def test_a_step_forward_by_weeks_is_told_too(stepping: SteppingStore) -> None:
    """Its time is that of the store's clock, as is that of whoever asks."""
    store = await Store.connect(stepping.url, "steps", STORE_TIMEOUT_MS)
    membership = OwnMembership(store, None)
    await membership.heartbeat("one", 0)
    await stepping.step_and_wait(store, 40 * 86400.0)
    await membership.heartbeat("one", 0)
    await store.clock.learn()
    found = {each.check: each for each in await check_store(store, 0)}["steps"]
    assert (found.health, "stepped by +345" in found.detail) == (Health.WARN, True)
    await store.close()


async def test_a_store_that_was_restored_is_told_for_a_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time; a store that never was has no such finding."""

    async def restored() -> list[Finding]:
        return [each for each in await check_store(store, 0) if each.check == "restored"]

    assert await restored() == []
    await Membership(store).note_restored()
    (found,) = await restored()
    assert (found.health, "came back with an older state at 20" in found.detail) == (Health.WARN, True)
    monkeypatch.setattr("edgeward.doctor.store.STEP_SHOWN_SECONDS", -60.0)
    assert await restored() == []


@pytest.mark.parametrize(
    ("options", "check", "health"),
    [
        (("--appendonly", "no"), "persistence", Health.FAIL),
        (("--maxmemory-policy", "allkeys-lru"), "memory", Health.FAIL),
        (("--maxmemory", "100kb"), "memory", Health.FAIL),
        (("--hash-max-listpack-value", "64"), "packing", Health.WARN),
    ],
)
async def test_each_problem_is_found(
    findings_of: Callable[..., object], options: tuple[str, ...], check: str, health: Health
) -> None:
    """The fix says what to set."""
    findings = await findings_of(*options)  # type: ignore[misc]
    assert findings[check].health is health
    assert "set `" in findings[check].fix or "maxmemory" in findings[check].fix


async def test_a_store_that_is_nearly_full_is_a_warning(server: Callable[..., str]) -> None:
    """It takes changes still. What is stored is much more than what an empty server takes, which varies."""
    store = await Store.connect(server(*GOOD), "doctor", timeout_ms=30_000)
    await store.redis.setrange("a", 20_000_000, "x")  # without a buffer for as much
    await store.redis.config_set("maxmemory", int(1.05 * (await store.info())["used_memory"]))
    found = {finding.check: finding for finding in await check_store(store, 0)}["memory"]
    assert found.health is Health.WARN
    assert "of maxmemory are used" in found.detail
    await store.close()


async def test_missing_replicas_are_a_failure(findings_of: Callable[..., object]) -> None:
    """Without enough replicas the store refuses changes."""
    findings = await findings_of(*GOOD, replicas=1)  # type: ignore[misc]
    assert findings["replication"].health is Health.FAIL
