"""What new entries would do to what was seen."""

import pytest
from tests.support.seen_images import md5, see, seen_image

from edgeward.operations import import_effect as module
from edgeward.operations import lists
from edgeward.operations.import_effect import EffectSearch, SeenEffect
from edgeward.operations.services import Services
from edgeward.types import Entry, HashList, ListKind, Mode, Signal

PDQ = "0f" * 32


async def test_what_would_be_blocked_and_purged(services: Services) -> None:
    """By verdict: near ones within the radius alone, each image once; those blocked already or allowed are apart."""
    hash_list = HashList("a", radius={"pdq": 8})
    await lists.create(services, hash_list, "ana", "")
    await lists.create(services, HashList("old"), "ana", "")
    await lists.create(services, HashList("fine", ListKind.ALLOW), "ana", "")
    near, far = PDQ[:-2] + "f0", PDQ[:-6] + "f0f0f0"
    await see(services, seen_image(1), seen_image(2, near), seen_image(3, far), seen_image(4), seen_image(5), targets=2)
    await services.list_store.add_entries([Entry("old", md5(4)), Entry("fine", md5(5))], "ana")
    version = await services.list_store.version()
    await services.list_store.wait_applied(version, 30.0)
    search = EffectSearch(services, hash_list)
    assert search.is_possible
    await search.add([md5(1), Signal("pdq", PDQ, 100), Signal("sha1", "0" * 39 + "1"), md5(77)])
    await search.add([md5(number) for number in (2, 3, 4, 5)])
    effect = search.effect
    assert (effect.images, effect.targets, effect.blocked_already, effect.allowed) == (3, 6, 1, 1)
    assert (effect.searched, effect.unsearched) == (8, 0)


async def test_a_list_that_blocks_nothing_has_no_effect(services: Services) -> None:
    """Nor can its entries be searched for."""
    for hash_list in (HashList("a", mode=Mode.OFF), HashList("a", mode=Mode.MONITOR), HashList("a", ListKind.ALLOW)):
        assert not EffectSearch(services, hash_list).is_possible


async def test_a_long_search_says_that_it_is_cut(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted as not searched for; what can't match is not among it."""
    hash_list = HashList("a")
    await lists.create(services, hash_list, "ana", "")
    monkeypatch.setattr(module, "SEARCH_SECONDS", -1.0)
    search = EffectSearch(services, hash_list)
    await search.add([md5(1), md5(2), Signal("photodna", "00" * 144)])
    assert search.effect == SeenEffect(unsearched=2)


async def test_a_list_has_an_effect_where_it_acts(services: Services) -> None:
    """Of the targets of an image only those are counted; and a limited list that blocks some of them already counts for
    these alone."""
    limited = HashList("a", paths=(f"/{seen_image(1).sha256}/0", f"/{seen_image(2).sha256}/"))
    await lists.create(services, limited, "ana", "")
    await lists.create(services, HashList("old", paths=(f"/{seen_image(2).sha256}/0",)), "ana", "")
    await see(services, seen_image(1), seen_image(2), seen_image(3), targets=3)
    await services.list_store.add_entries([Entry("old", md5(2))], "ana")
    await services.list_store.wait_applied(await services.list_store.version(), 30.0)
    found = {}
    for number in (1, 2, 3):
        search = EffectSearch(services, limited)
        await search.add([md5(number)])
        found[number] = search.effect.images, search.effect.targets
    assert found == {1: (1, 1), 2: (1, 2), 3: (0, 0)}
