"""Hosts whose removals are not noticed or not purged are named, with the table to look at and the error."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.services import running_services

from edgeward.doctor import origin_check as module
from edgeward.doctor.finding import Health
from edgeward.doctor.origin_check import check_origin_check
from edgeward.operations.services import Services
from edgeward.origin_check.host_answers import HostAnswers
from edgeward.origin_check.host_problems import HostProblems
from edgeward.origin_check.queue import ServedTarget
from edgeward.origin_check.refilled_targets import RefilledTargets
from edgeward.store.connection import Store
from edgeward.types import Target


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    async with running_services(store, tmp_path) as running:
        yield running


async def test_hosts_with_problems_are_named(services: Services) -> None:
    """One that does not answer, and one that is held."""
    assert await check_origin_check(services) == []
    now = time.time()
    problems = HostProblems(services.store, services.config)
    await problems.note_down("down.test", "connection refused", now - 60)
    held = ServedTarget(Target("http", "held.test", "/1"), "ab" * 16, 0)
    await HostAnswers(services.store, 10.0, 3600.0, 0.5).hold(held, now - 30)
    down, hold = await check_origin_check(services)
    assert (down.about, down.check, down.health) == ("hosts", "down.test", Health.WARN)
    assert "not noticed for 60 s: connection refused" in down.detail
    assert "proxy.upstream" in down.fix
    assert (hold.about, hold.check, hold.health) == ("hosts", "held.test", Health.WARN)
    assert "nothing of it is purged for 30 s" in hold.detail
    assert "edgeward takedown --prefix http://held.test/" in hold.fix


async def test_images_that_came_back_after_their_purge_are_told(services: Services) -> None:
    """How many, and at which hosts; with what to do about it."""
    refilled = RefilledTargets(services.store, services.orders, [], [])
    served = ServedTarget(Target("http", "img.test", "/1"), "ab" * 16, time.time())
    await refilled.note_purge(served, "1-0", time.time() - 600)
    await refilled.next(served, time.time())
    (finding,) = await check_origin_check(services)
    assert (finding.about, finding.check, finding.health) == ("hosts", "not followed", Health.WARN)
    assert finding.detail.startswith("1 image came back into a cache after the purge")
    assert "img.test" in finding.detail
    assert "User-Agent edgeward-sweep" in finding.fix


async def test_many_hosts_are_counted(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some that are named. Nothing is said if the origin check is off."""
    monkeypatch.setattr(module, "MAX_FINDINGS", 2)
    problems = HostProblems(services.store, services.config)
    for number in range(5):
        await problems.note_down(f"{number}.test", "x", time.time())
    found = await check_origin_check(services)
    assert [each.check for each in found[:2]] == ["0.test", "1.test"]
    assert found[2].detail == "3 more hosts have such problems"
    off = services.config.model_copy(update={"sweep": services.config.sweep.model_copy(update={"enabled": False})})
    assert await check_origin_check(replace(services, config=off)) == []
