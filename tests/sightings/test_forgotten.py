"""Forgotten targets in a real Redis."""

import time

import pytest
from tests.support.real_caches import image

from edgeward.sightings import forgotten as module
from edgeward.sightings.codec import image_id
from edgeward.sightings.forgotten import (
    EVERYWHERE,
    STORE_LOSS,
    ForgottenTargets,
    ForgottenTotals,
    PrefixLimits,
    may_share_targets,
    prefix_of,
)
from edgeward.store.connection import Store
from edgeward.types import Target

DAY = 86400
UNRECORDED = 600
SHA256 = image("a").sha256


@pytest.fixture
def forgotten(store: Store) -> ForgottenTargets:
    return ForgottenTargets(store, DAY, UNRECORDED)


def at(path: str, host: str = "img.test", scheme: str = "http") -> Target:
    return Target(scheme, host, path)


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/a.jpg?w=1&h=2", "/a.jpg"),
        ("//%61.jpg", "//%61.jpg"),
        ("/?q", "/"),
        ("/\xe9", "/\xe9"),
        ("/" + "a" * 300, "/" + "a" * 255),
        ("/" + "a" * 254 + "%41b", "/" + "a" * 254),
        ("/" + "a" * 253 + "%41b", "/" + "a" * 253),
        ("/" + "a" * 252 + "%41b", "/" + "a" * 252 + "%41"),
    ],
)
def test_the_prefix_of_a_target(path: str, prefix: str) -> None:
    """Its path as it was received, without the query, cut if it is long, but not within a percent-encoded byte."""
    found = prefix_of(Target("https", "IMG.test", path, (("accept", "x"),), 9))
    assert (found, found.vary, found.size) == (Target("https", "IMG.test", prefix), (), 0)


async def test_remembers_an_image_by_prefix(forgotten: ForgottenTargets) -> None:
    """How many targets were forgotten at each prefix; of another image nothing."""
    image_of_id = image_id(SHA256)
    await forgotten.remember_of_image(image_of_id, [at("/a?1"), at("/a?2"), at("/\xe9\x00", scheme="https")])
    await forgotten.remember_of_image(image_of_id, [at("/a?3")])
    expected = {at("/a"): 3, at("/\xe9\x00", scheme="https"): 1}
    assert await forgotten.of_image(SHA256) == await forgotten.of_image(image_of_id) == expected
    assert await forgotten.of_image(image("b").sha256) == {}
    assert await forgotten.everything() == expected
    assert await forgotten.totals() == ForgottenTotals(known=4, lost=0, hosts=1)


async def test_prefixes_are_bounded(forgotten: ForgottenTargets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a prefix becomes its host, and beyond that limit everywhere; none is lost from the count."""
    monkeypatch.setattr(module, "IMAGE_LIMITS", PrefixLimits(2, 1))
    targets = [at("/1"), at("/2"), at("/3"), at("/4"), at("/1"), at("/5", "other.test"), at("/6", "third.test")]
    await forgotten.remember_of_image(image_id(SHA256), targets)
    assert await forgotten.of_image(SHA256) == {at("/1"): 2, at("/2"): 1, at("/"): 2, EVERYWHERE: 2}


async def test_lost_targets_are_remembered_by_host(
    forgotten: ForgottenTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since their image is not known."""
    await forgotten.remember_lost({at("/a"): 2, at("/b?x"): 1, at("/", "IMG.test:80"): 4})
    assert await forgotten.lost() == {at("/"): 3, at("/", "IMG.test:80"): 4}
    assert await forgotten.totals() == ForgottenTotals(known=0, lost=7, hosts=1)
    monkeypatch.setattr(module, "LOST_LIMITS", PrefixLimits(2, 0))
    await forgotten.remember_lost({at("/", "third.test"): 1, at("/"): 1})
    assert await forgotten.lost() == {at("/"): 4, at("/", "IMG.test:80"): 4, EVERYWHERE: 1}


async def test_what_was_forgotten_long_ago_is_not_counted(forgotten: ForgottenTargets, store: Store) -> None:
    """After `keep` no cached copy is that old: the prefix is ignored, then removed. A key expires with its last one."""
    await forgotten.remember_lost({at("/"): 1, at("/", "old.test"): 2})
    old = f"2 {int(time.time()) - DAY - 9}"
    await store.redis.hset(store.key("{forgotten}", "lost"), b"http\0old.test\0/", old)
    assert await forgotten.lost() == {at("/"): 1}
    await forgotten.expire()
    assert await store.redis.hlen(store.key("{forgotten}", "lost")) == 1
    await forgotten.remember_of_image(image_id(SHA256), [at("/1")])
    keys = await store.redis.keys(store.key("*"))
    assert len(keys) == 3
    assert all([DAY - 9 <= await store.redis.ttl(key) <= DAY for key in keys])


async def test_a_purge_makes_up_for_what_was_forgotten_long_enough_before(forgotten: ForgottenTargets) -> None:
    """Until a worker records a target again, a copy that was stored after the purge is not on record."""
    now = time.time()
    await forgotten.remember_lost({at("/"): 5, at("/", "other.test"): 1})
    for seconds_later in (0, UNRECORDED):
        await forgotten.repair(at("/"), now + seconds_later)
        assert await forgotten.lost() == {at("/"): 5, at("/", "other.test"): 1}
    later = now + UNRECORDED + module.CLOCK_SECONDS + 9
    await forgotten.repair(at("/"), later)
    assert await forgotten.lost() == {at("/", "other.test"): 1}
    await forgotten.remember_of_image(image_id(SHA256), [at("/a?1"), at("/a?2")])
    await forgotten.remember_of_image(image_id(image("b").sha256), [at("/a?1")])
    await forgotten.repair(at("/a"), later, SHA256)
    await forgotten.repair(at("/a"), later, SHA256)
    assert await forgotten.of_image(SHA256) == {}
    assert await forgotten.totals() == ForgottenTotals(known=1, lost=1, hosts=2)


def test_which_prefixes_may_share_targets() -> None:
    """One below the other, in whatever form, at the same host; EVERYWHERE with all."""
    assert may_share_targets(at("/a"), at("/a?x=1"))
    assert may_share_targets(at("//%61/b"), at("/a/"))
    assert may_share_targets(at("/", "IMG.test:80"), at("/any"))
    assert may_share_targets(EVERYWHERE, at("/any"))
    assert not may_share_targets(at("/a"), at("/b"))
    assert not may_share_targets(at("/a", "other.test"), at("/a"))


async def test_a_loss_of_the_stores_data_counts_once(forgotten: ForgottenTargets) -> None:
    """However often it is noted, as one lost target of any host, until every cache was emptied."""
    for _ in range(2):
        await forgotten.remember_store_loss()
    assert await forgotten.lost() == {STORE_LOSS: 1}
    assert await forgotten.totals() == ForgottenTotals(known=0, lost=1, hosts=0, store_lost=True)
    assert await forgotten.of_urls([at("/"), at("/a?x")]) == {at("/"): 1, at("/a"): 1}
    assert await forgotten.below([at("/")]) == {at("/"): 1}
    assert await forgotten.emptied_at() == 0.0
    assert await forgotten.end_store_loss()
    assert abs(await forgotten.emptied_at() - time.time()) < 60
    assert not await forgotten.end_store_loss()
    assert await forgotten.lost() == {}


async def test_hosts_with_the_most_forgotten_targets_are_named(forgotten: ForgottenTargets) -> None:
    """At most three, of whichever kind; without what stands for all hosts."""
    for count, host in enumerate(("one.test", "two.test", "three.test", "four.test"), 1):
        await forgotten.remember_lost({at("/", host): count})
    await forgotten.remember_of_image(image_id(SHA256), [at(f"/{number}", "known.test") for number in range(9)])
    await forgotten.remember_lost({EVERYWHERE: 100})
    await forgotten.remember_store_loss()
    totals = await forgotten.totals()
    assert (totals.host_names, totals.hosts) == (["known.test", "four.test", "three.test"], 6)


async def test_what_is_recorded_again_is_made_up_for_at_once(forgotten: ForgottenTargets) -> None:
    """By any purge after the loss, by the clock of the store; not by one before it."""
    before = time.time() - 1
    await forgotten.remember_lost({at("/"): 5}, recorded_again=True)
    mark = (await forgotten.lost_marks())[at("/")]
    assert not forgotten.makes_up_for(mark, before) and forgotten.makes_up_for(mark, time.time() + 1)
    await forgotten.repair(at("/"), before)
    assert await forgotten.lost() == {at("/"): 5}
    await forgotten.repair(at("/"), time.time() + 1)
    assert await forgotten.lost() == {}
