"""What a host's refusals mean."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import replace

import pytest

from edgeward.origin_check import host_answers as module
from edgeward.origin_check.host_answers import HostAnswers, Removal
from edgeward.origin_check.queue import ServedTarget
from edgeward.store.connection import Store
from edgeward.types import Target

SECOND_LOOK, HOLD = 10.0, 3600.0


def served(number: int, host: str = "img.test") -> ServedTarget:
    image = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return ServedTarget(Target("http", host, f"/{number}.jpg"), image, 0)


@pytest.fixture
def answers(store: Store) -> HostAnswers:
    return HostAnswers(store, SECOND_LOOK, HOLD, 0.5)


async def refuse(answers: HostAnswers, one: ServedTarget, now: float) -> Removal:
    """A refusal, and a proof that fails where one is needed."""
    found = await answers.note_removed(one, now, needs_second_look=True)
    if found is Removal.UNPROVEN:
        await answers.hold(one, now)
        return Removal.HELD
    return found


async def test_a_refusal_is_confirmed_by_a_second_look(answers: HostAnswers) -> None:
    """Only after a pause, and the image must not have been served in between."""
    await answers.note_served(served(1), 90)
    looks = [await refuse(answers, served(1), now) for now in (100, 105, 110)]
    assert looks == [Removal.FIRST, Removal.FIRST, Removal.CONFIRMED]
    await answers.note_served(served(1), 120)
    assert await refuse(answers, served(1), 130) is Removal.FIRST


async def test_a_host_that_never_served_anything_may_refuse_edgeward(answers: HostAnswers) -> None:
    """Its refusals say nothing about its images. Another host's answers do not count."""
    await answers.note_served(served(2, "other.test"), 90)
    assert [await refuse(answers, served(1), now) for now in (100, 200)] == [Removal.UNKNOWN] * 2


async def test_a_host_that_refuses_most_is_held(answers: HostAnswers) -> None:
    """Nothing of it is confirmed until it has gone on for the time of the hold; then it is a removal."""
    for number in range(40):
        await answers.note_served(served(number), 50)
    for number in range(30):
        await refuse(answers, served(number), 100 + number / 10)
    assert {await refuse(answers, served(number), 115) for number in range(30)} == {Removal.HELD}
    assert await refuse(answers, served(3), 114 + HOLD) is Removal.HELD
    assert await refuse(answers, served(3), 115 + HOLD) is Removal.CONFIRMED


async def test_a_hold_ends_when_the_host_serves_again(answers: HostAnswers) -> None:
    """What it then still refuses is removed."""
    for number in range(30):
        await answers.note_served(served(number), 50)
        await refuse(answers, served(number), 100)
    assert await refuse(answers, served(3), 115) is Removal.HELD
    for number in range(4, 30):
        await answers.note_served(served(number), 120)
    assert await refuse(answers, served(3), 121) is Removal.CONFIRMED


async def test_many_removals_of_a_host_that_serves_the_others_are_confirmed(answers: HostAnswers) -> None:
    """A removal of twenty images is no outage while more of the others are served."""
    for number in range(20):
        await refuse(answers, served(number), 100)
    for number in range(20, 50):
        await answers.note_served(served(number), 105)
    assert {await refuse(answers, served(number), 111) for number in range(20)} == {Removal.CONFIRMED}


async def test_removals_one_by_one_are_confirmed(answers: HostAnswers) -> None:
    """However many there are, while more of the others are served in between."""
    for number in range(3 * module.MAX_REMOVED):
        for other in range(2):
            await answers.note_served(served(1000 + 2 * number + other), 99 + 20 * number)
        await refuse(answers, served(number), 100 + 20 * number)
        assert await refuse(answers, served(number), 115 + 20 * number) is Removal.CONFIRMED


async def test_a_slow_look_at_an_outage_purges_few(answers: HostAnswers) -> None:
    """Where targets are checked so rarely that each gets its second look before the next is refused, it is held too.

    Neither a removal long ago nor what was served before the outage changes that.
    """
    for number in range(500):
        await answers.note_served(served(number), 90)
    await refuse(answers, served(999), 95)
    looks = []
    for number in range(50):
        await refuse(answers, served(number), 100 + 20 * number)
        looks.append(await refuse(answers, served(number), 115 + 20 * number))
    assert looks.count(Removal.CONFIRMED) <= module.MAX_REMOVED
    assert set(looks[module.MAX_REMOVED :]) == {Removal.HELD}


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
    monkeypatch.setattr(module, "MAX_GOOD", 3)
    for number in range(9):
        await answers.note_served(served(number), 100 + number)
        await refuse(answers, served(100 + number), 100 + number)
        await answers.is_common_redirect(served(number), "http://img.test/x")
    sizes = {}
    async for batch in store.scan(store.key("{sweep}", "*")):
        for key in batch:
            kind = await store.redis.type(key)
            sizes[key.split(b":")[2]] = await (store.redis.zcard(key) if kind == b"zset" else store.redis.scard(key))
            assert 0 < await store.redis.ttl(key) <= module.KEEP_SECONDS
    assert sizes == {b"served": 5, b"good": 3, b"refused": 5, b"redirect": module.COMMON_REDIRECT}


async def gone(answers: HostAnswers, numbers: Iterable[int], now: float, host: str = "img.test") -> list[Removal]:
    return [await answers.note_removed(served(each, host), now, needs_second_look=False) for each in numbers]


async def test_a_few_removals_need_neither_a_second_look_nor_a_proof(answers: HostAnswers) -> None:
    """Also at a host that never served anything: what is gone there is gone. One more needs a proof."""
    for host in ("new.test", "known.test"):
        if host == "known.test":
            await answers.note_served(served(999, host), 90)
        found = await gone(answers, range(module.MAX_REMOVED + 1), 100, host)
        assert found == [Removal.CONFIRMED] * module.MAX_REMOVED + [Removal.UNPROVEN]


async def test_the_share_of_removals_that_need_a_proof_is_a_setting(store: Store) -> None:
    """Of the last answers: six removals among twelve answers are half of them, and not more than that."""
    for share, expected in ((0.5, Removal.CONFIRMED), (0.49, Removal.UNPROVEN), (0.9, Removal.CONFIRMED)):
        answers = HostAnswers(store, SECOND_LOOK, HOLD, share)
        host = f"{share}.test"
        await gone(answers, range(5), 100, host)
        for number in range(10, 16):
            await answers.note_served(served(number, host), 101)
        assert await gone(answers, [5], 102, host) == [expected]


async def test_a_failed_proof_is_not_tried_again_at_once(answers: HostAnswers, store: Store) -> None:
    """Other targets of the host, and other controllers, wait for it. The hold begins once."""
    await gone(answers, range(6), 100)
    assert [await answers.hold(served(5), 100 + number) for number in range(3)] == [True, False, False]
    assert await gone(HostAnswers(store, SECOND_LOOK, HOLD, 0.5), [6], 101) == [Removal.HELD]
    assert await gone(answers, [0], 101, "other.test") == [Removal.CONFIRMED]
    # Longer than a pause lasts, as after the store's clock was set back.
    (key,) = answers._keys(served(6), "unproven")
    await store.redis.pexpire(key, round(SECOND_LOOK * 1000) + 60_000)
    assert await answers.note_removed(served(6), 101, needs_second_look=False) is Removal.UNPROVEN


async def test_one_good_answer_ends_a_hold(answers: HostAnswers) -> None:
    """It is said once. What is removed then needs a proof again, until the share of removals is small."""
    await gone(answers, range(6), 100)
    await answers.hold(served(5), 100)
    assert [await answers.note_served(served(90), 110), await answers.note_served(served(91), 110)] == [True, False]
    assert await gone(answers, [5], 111) == [Removal.UNPROVEN]


async def test_a_host_that_never_served_an_image_is_held_until_it_does(answers: HostAnswers) -> None:
    """Its origin may be the wrong one: however long that lasts, nothing more is purged."""
    await gone(answers, range(6), 100)
    await answers.hold(served(5), 100)
    assert await gone(answers, [5], 100 + 100 * HOLD) == [Removal.HELD]


async def test_no_hold_can_be_set(store: Store) -> None:
    """hold_seconds = 0: every removal counts."""
    answers = HostAnswers(store, SECOND_LOOK, 0.0, 0.5)
    assert await gone(answers, range(20), 100) == [Removal.CONFIRMED] * 20


async def test_good_targets_are_those_the_host_had(answers: HostAnswers) -> None:
    """A few of them, to be asked for a proof; none that it has removed since, or that was good a day ago."""
    long = replace(served(1), target=Target("http", "img.test", "/" + secrets.token_hex(2000)))
    for each in (served(1), served(2), long, served(4, "other.test")):
        await answers.note_served(each, 100)
    await gone(answers, [1], 110)
    assert await answers.good_targets(served(3)) == [replace(served(2), at=0.0)]
    await gone(answers, [3], 110 + module.KEEP_SECONDS)
    assert await answers.good_targets(served(3)) == []


async def test_the_clock_is_set_back(answers: HostAnswers, store: Store) -> None:
    """What was noted before counts from then on: a second look, the answers of the host and a hold last no longer."""
    day = 86400.0
    assert await refuse(answers, served(0), day) is Removal.UNKNOWN
    for number in range(90, 92):
        await answers.note_served(served(number), day)
    assert await refuse(answers, served(0), 100) is Removal.FIRST
    assert await refuse(answers, served(0), 100 + SECOND_LOOK) is Removal.CONFIRMED
    for number in range(90, 92):
        await answers.note_served(served(number, "held.test"), day)
    await gone(answers, range(9), day, "held.test")
    assert await answers.hold(served(5, "held.test"), day)
    await store.redis.delete(*answers._keys(served(5, "held.test"), "unproven"))
    assert await gone(answers, [5], 100, "held.test") == [Removal.UNPROVEN]
    assert await gone(answers, [5], 100 + HOLD, "held.test") == [Removal.CONFIRMED]
