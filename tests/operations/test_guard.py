"""What the guard holds, and what it lets pass."""

from pathlib import Path

import pytest
from tests.operations.guarded import guarded, judged, with_guard
from tests.support.seen_images import md5, see, seen_image

from edgeward.operations import guard as module
from edgeward.operations import import_effect, lists
from edgeward.operations.guard import NO_EFFECT, Judgement
from edgeward.operations.import_effect import SeenEffect
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, ListKind, Mode


async def test_each_limit_holds(store: Store, tmp_path: Path) -> None:
    """The share of images seen in the last day, beyond the images that are always allowed; the targets; each alone,
    and not at the limit itself."""
    hash_list = HashList("a")
    async with guarded(store, tmp_path, {"share": 0.4, "min_images": 1, "targets": 6}) as services:
        await see(services, *(seen_image(number) for number in range(1, 6)), targets=2)
        assert not (await judged(services, hash_list, md5(1), md5(2))).is_held
        by_share = await judged(services, hash_list, md5(1), md5(2), md5(3))
        assert (by_share.effect.images, by_share.effect.targets, by_share.effect.hosts, by_share.seen) == (3, 6, 1, 5)
        assert [each.partition(": ")[0] for each in by_share.reasons] == [
            "it would block 3 images of about 5 seen in the last day"
        ]
        few = with_guard(services, {"targets": 5})
        assert [*(await judged(few, hash_list, md5(1), md5(2), md5(3))).reasons] == [
            "it would purge 6 targets: more than guard.targets (5)"
        ]
        off = with_guard(services, {"enabled": False})
        assert await judged(off, hash_list, md5(1), md5(2), md5(3)) == NO_EFFECT


async def test_only_what_blocks_is_judged(store: Store, tmp_path: Path) -> None:
    """A list in monitor mode or off, and an allowlist, block nothing; images that are blocked already do not count."""
    async with guarded(store, tmp_path, {"share": 0.1, "min_images": 0, "targets": 0}) as services:
        await see(services, *(seen_image(number) for number in range(1, 4)))
        for policy in (HashList("a", mode=Mode.MONITOR), HashList("a", mode=Mode.OFF), HashList("a", ListKind.ALLOW)):
            assert not (await judged(services, policy, md5(1), md5(2))).is_held
        assert (await judged(services, HashList("a"), md5(1))).is_held
        await lists.create(services, HashList("old"), "ana", "")
        await services.list_store.add_entries([Entry("old", md5(1))], "ana")
        await services.list_store.wait_applied(await services.list_store.version(), 30.0)
        assert not (await judged(services, HashList("a"), md5(1))).is_held


async def test_images_that_nobody_asks_for_any_more_have_no_share(store: Store, tmp_path: Path) -> None:
    """The share is of what was seen in the last day, above and below the line."""
    async with guarded(store, tmp_path, {"share": 0.5, "min_images": 0}) as services:
        await see(services, *(seen_image(number) for number in range(1, 5)), days_ago=2)
        await see(services, seen_image(5), seen_image(6), seen_image(7))
        old = await judged(services, HashList("a"), *(md5(number) for number in range(1, 5)))
        assert (old.effect.images, old.effect.recent, old.is_held) == (4, 0, False)
        new = await judged(services, HashList("a"), md5(5), md5(6))
        assert (new.effect.recent, new.seen, new.is_held) == (2, 3, True)


async def test_a_long_update_is_judged_by_a_sample(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a share over the limit it is held, whichever images are in the sample, and its numbers are upper bounds."""
    monkeypatch.setattr(module, "EXACT_HASHES", 10)
    monkeypatch.setattr(module, "SAMPLED_IMAGES", 60)
    monkeypatch.setattr(module, "HITS_AT_LIMIT", 1)
    async with guarded(store, tmp_path, {"share": 0.3, "min_images": 5}) as services:
        await see(services, *(seen_image(number) for number in range(1, 201)))
        many = await judged(services, HashList("a"), *(md5(number) for number in range(1, 141)))
        assert (many.sampled, many.images, many.is_held) == (60, 200, True)
        assert many.images_at_most >= 140 and 0 < many.effect.images <= 60
        none = await judged(services, HashList("a"), *(md5(number) for number in range(1000, 1020)))
        assert (none.effect.images, none.images_at_most, none.is_held) == (0, 10, False)


async def test_what_there_was_no_time_to_search_for_is_held(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update is rather held than let pass, and says so."""
    monkeypatch.setattr(import_effect, "SEARCH_SECONDS", -1.0)
    async with guarded(store, tmp_path, {}) as services:
        await see(services, seen_image(1))
        (reason,) = (await judged(services, HashList("a"), md5(1), md5(2))).reasons
        assert reason == "there was no time to search for all of it: 0 of 2 hashes were searched for"


async def test_a_judgement_is_read_as_it_was_written() -> None:
    """With what a later release adds left out."""
    one = Judgement(SeenEffect(images=3, targets=4, unsearched=1), ("too much",), 7, 60, 200, 2)
    text = one.to_json()
    assert Judgement.from_json(text) == one
    assert Judgement.from_json(text.replace('{"effect":{', '{"more":1,"effect":{"more":2,')) == one


def test_a_sample_stands_for_its_upper_bound() -> None:
    """What it may miss by chance counts; of all images the numbers are what they are."""
    effect = SeenEffect(images=4, targets=8, recent=4)
    sampled = Judgement(effect, sampled=100, images=1000)
    assert [sampled.upper(number) for number in (4, 8)] == [110, 220]
    assert sampled.images_at_most == 110
    assert Judgement(SeenEffect(), sampled=100, images=1000).images_at_most == 30
    assert (Judgement(effect).upper(8), Judgement(effect).images_at_most) == (8, 4)


async def test_what_an_allowlist_protects_counts_too(store: Store, tmp_path: Path) -> None:
    """The allowlist may end later: nobody judges that."""
    async with guarded(store, tmp_path, {"share": 0.5, "min_images": 1}) as services:
        await see(services, *(seen_image(number) for number in range(1, 5)))
        await lists.create(services, HashList("fine", ListKind.ALLOW), "ana", "")
        await services.list_store.add_entries([Entry("fine", md5(number)) for number in (1, 2, 3)], "ana")
        await services.list_store.wait_applied(await services.list_store.version(), 30.0)
        found = await judged(services, HashList("a"), *(md5(number) for number in (1, 2, 3)))
        assert (found.effect.images, found.effect.allowed, found.effect.recent) == (0, 3, 3)
        assert [each.partition(": ")[0] for each in found.reasons] == [
            "it would block 3 images of about 4 seen in the last day, if no allowlist protected them"
        ]
