"""What a host's refusals mean."""

import hashlib

import pytest

from edgeward.origin_check import host_answers as module
from edgeward.origin_check.host_answers import HostAnswers, Refusal
from edgeward.origin_check.queue import ServedTarget
from edgeward.store.connection import Store
from edgeward.types import Target

SECOND_LOOK, HOLD = 10.0, 3600.0


def served(number: int, host: str = "img.test") -> ServedTarget:
    image = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return ServedTarget(Target("http", host, f"/{number}.jpg"), image, 0)


@pytest.fixture
def answers(store: Store) -> HostAnswers:
    return HostAnswers(store, SECOND_LOOK, HOLD)


async def test_a_refusal_is_confirmed_by_a_second_look(answers: HostAnswers) -> None:
    """Only after a pause, and the image must not have been served in between."""
    await answers.note_served(served(1), 90)
    looks = [await answers.note_refused(served(1), now) for now in (100, 105, 110)]
    assert looks == [Refusal.FIRST, Refusal.FIRST, Refusal.CONFIRMED]
    await answers.note_served(served(1), 120)
    assert await answers.note_refused(served(1), 130) is Refusal.FIRST


async def test_a_host_that_never_served_anything_may_refuse_edgeward(answers: HostAnswers) -> None:
    """Its refusals say nothing about its images. Another host's answers do not count."""
    await answers.note_served(served(2, "other.test"), 90)
    assert [await answers.note_refused(served(1), now) for now in (100, 200)] == [Refusal.UNKNOWN] * 2


async def test_a_host_that_refuses_most_is_held(answers: HostAnswers) -> None:
    """Nothing of it is confirmed until it has gone on for the time of the hold; then it is a removal."""
    for number in range(40):
        await answers.note_served(served(number), 50)
    for number in range(30):
        await answers.note_refused(served(number), 100 + number / 10)
    assert {await answers.note_refused(served(number), 115) for number in range(30)} == {Refusal.HELD}
    assert await answers.note_refused(served(3), 100 + HOLD) is Refusal.HELD
    assert await answers.note_refused(served(3), 102 + HOLD) is Refusal.CONFIRMED


async def test_a_hold_ends_when_the_host_serves_again(answers: HostAnswers) -> None:
    """What it then still refuses is removed."""
    for number in range(30):
        await answers.note_served(served(number), 50)
        await answers.note_refused(served(number), 100)
    assert await answers.note_refused(served(3), 115) is Refusal.HELD
    for number in range(4, 30):
        await answers.note_served(served(number), 120)
    assert await answers.note_refused(served(3), 121) is Refusal.CONFIRMED


async def test_many_removals_of_a_host_that_serves_the_others_are_confirmed(answers: HostAnswers) -> None:
    """A removal of twenty images is no outage while more of the others are served."""
    for number in range(20):
        await answers.note_refused(served(number), 100)
    for number in range(20, 50):
        await answers.note_served(served(number), 105)
    assert {await answers.note_refused(served(number), 111) for number in range(20)} == {Refusal.CONFIRMED}


async def test_removals_one_by_one_are_confirmed(answers: HostAnswers) -> None:
    """However many there are, while more of the others are served in between."""
    for number in range(3 * module.MAX_REFUSED):
        for other in range(2):
            await answers.note_served(served(1000 + 2 * number + other), 99 + 20 * number)
        await answers.note_refused(served(number), 100 + 20 * number)
        assert await answers.note_refused(served(number), 115 + 20 * number) is Refusal.CONFIRMED


async def test_a_slow_look_at_an_outage_purges_few(answers: HostAnswers) -> None:
    """Where targets are checked so rarely that each gets its second look before the next is refused, it is held too.

    Neither a removal long ago nor what was served before the outage changes that.
    """
    for number in range(500):
        await answers.note_served(served(number), 90)
    await answers.note_refused(served(999), 95)
    looks = []
    for number in range(50):
        await answers.note_refused(served(number), 100 + 20 * number)
        looks.append(await answers.note_refused(served(number), 115 + 20 * number))
    assert looks.count(Refusal.CONFIRMED) <= module.MAX_REFUSED
    assert set(looks[module.MAX_REFUSED :]) == {Refusal.HELD}


async def test_a_common_redirect(answers: HostAnswers) -> None:
    """Targets of two images that are redirected to one place; one image in several variants is not enough."""
    location = "http://img.test/removed.html"
    assert not await answers.is_common_redirect(served(1), location)
    assert not await answers.is_common_redirect(served(1), location)
    assert not await answers.is_common_redirect(served(2), "http://img.test/2-new.jpg")
    assert await answers.is_common_redirect(served(2), location)
    assert not await answers.is_common_redirect(served(3, "other.test"), location)


async def test_memory_of_a_host_is_bounded(answers: HostAnswers, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the latest targets are remembered, for a day."""
    monkeypatch.setattr(module, "MAX_TARGETS", 5)
    for number in range(9):
        await answers.note_served(served(number), 100 + number)
        await answers.note_refused(served(100 + number), 100 + number)
        await answers.is_common_redirect(served(number), "http://img.test/x")
    sizes = {}
    async for batch in store.scan(store.key("{sweep}", "*")):
        for key in batch:
            kind = await store.redis.type(key)
            sizes[key.split(b":")[2]] = await (store.redis.zcard(key) if kind == b"zset" else store.redis.scard(key))
            assert 0 < await store.redis.ttl(key) <= module.KEEP_SECONDS
    assert sizes == {b"served": 5, b"refused": 5, b"redirect": module.COMMON_REDIRECT}
