"""Images that hashers fail on, as the judge meets them again."""

from types import SimpleNamespace
from typing import NoReturn

import pytest
from tests.proxy.conftest import HASHING
from tests.proxy.judging import TARGET, fingerprints_stored, list_image
from tests.support.proxy_pictures import jpeg

from edgeward.hashing.hashers.hasher import Hasher
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.isolation.isolated_process import ProcessDied
from edgeward.lists.replication.replica import Replica
from edgeward.proxy import failed_images
from edgeward.proxy import judge as module
from edgeward.proxy.judge import Judge
from edgeward.settings.config import Config, SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Flaw, Reason


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow store counts too."""
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 30.0)


class Clock:
    """Lets time pass for the failures that are remembered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        monkeypatch.setattr(failed_images, "time", SimpleNamespace(monotonic=lambda: self._ahead))

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += seconds


async def forget_published(store: Store) -> None:
    """As the store does by its own clock."""
    async for keys in store.scan(store.key("failed", "*")):
        for key in keys:
            await store.redis.delete(key)


class Failing:
    """Makes every hasher that looks at an image die of it, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
        self.died = 0
        self._cause = cause
        monkeypatch.setattr(Hasher, "answer", self._answer)

    async def _answer(self) -> NoReturn:
        self.died += 1
        raise TimeoutError if self._cause == "timeout" else ProcessDied("killed at work")


@pytest.mark.parametrize("flaw", [Flaw.CRASHED, Flaw.TIMEOUT])
async def test_an_image_that_hashers_fail_on_is_not_tried_again_at_once(
    judge: Judge, store: Store, replica: Replica, pool: HasherPool, monkeypatch: pytest.MonkeyPatch, flaw: Flaw
) -> None:
    """For the length of a pause policy decides at once, here and in other workers; then it is tried again, and after
    another failure the pause is longer. Its digests are matched all the same."""
    clock = Clock(monkeypatch)
    with monkeypatch.context() as patch:
        failing = Failing(patch, flaw.value)
        poison = jpeg("coffee", 100)
        for _ in range(3):
            fingerprint, verdict = await judge.judge(poison, (), TARGET)
            assert fingerprint is not None
            assert (fingerprint.flaw, verdict.reason.value) == (flaw, flaw.value)
        await fingerprints_stored()
        other = Judge(Config(hashing=HASHING), replica, pool, Sightings(store, SightingsSettings()))
        for _ in range(2):
            assert (await other.judge(poison, (), TARGET))[1].reason.value == flaw.value
        assert failing.died == 1
        clock.pass_seconds(failed_images.FIRST_PAUSE_SECONDS)
        await forget_published(store)
        for pause in (10, 20, 40):
            failing.died = 0
            await judge.judge(poison, (), TARGET)
            assert failing.died == 1
            assert judge.failed_images.retry_seconds(fingerprint.sha256) == 2 * pause
            clock.pass_seconds(pause)
            await judge.judge(poison, (), TARGET)
            assert failing.died == 1
            clock.pass_seconds(pause)
            await forget_published(store)
    await other.close()


async def test_an_image_that_failed_by_accident_gets_its_verdict(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    """After the pause it is hashed, and the failure is forgotten."""
    clock = Clock(monkeypatch)
    with monkeypatch.context() as patch:
        Failing(patch, "crashed")
        assert (await judge.judge(jpeg("coffee", 99), (), TARGET))[1].reason is Reason.CRASHED
    await fingerprints_stored()
    clock.pass_seconds(failed_images.FIRST_PAUSE_SECONDS)
    await forget_published(store)
    assert (await judge.judge(jpeg("coffee", 99), (), TARGET))[1].reason is Reason.NO_MATCH
    assert len(judge.failed_images) == 0


async def test_a_failed_image_that_is_listed_is_a_match(
    judge: Judge, store: Store, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its SHA-256, while it is not tried again."""
    with monkeypatch.context() as patch:
        failing = Failing(patch, "crashed")
        assert (await judge.judge(jpeg("coffee", 98), (), TARGET))[1].reason is Reason.CRASHED
        await list_image(store, replica, jpeg("coffee", 98))
        assert (await judge.judge(jpeg("coffee", 98), (), TARGET))[1].reason is Reason.MATCH
        assert failing.died == 1
