"""What a takedown covers, over sightings in a real Redis."""

from tests.support.real_caches import image
from tests.takedowns.controller import open_controller

from edgeward.store.connection import Store
from edgeward.types import Signal, Target

PDQ = "0123456789abcdef" * 4


async def test_a_url_covers_its_every_form(store: Store) -> None:
    """All query strings, variants, schemes and forms seen of a URL, and itself in both schemes; no other URL."""
    async with open_controller(store) as controller:
        seen = [
            await controller.see("http://img.test/a.jpg", image("a")),
            await controller.see("https://img.test/a.jpg?w=200", image("b")),
            await controller.see("https://IMG.test:443/%61.jpg", image("a")),
            await controller.see("http://img.test/a.jpg", image("c"), accept="image/webp"),
        ]
        await controller.see("http://img.test/a.jpg.bak", image("a"))
        await controller.see("http://other.test/a.jpg", image("a"))
        found, is_seen = await controller.scope.targets_of_url(Target("http", "img.test", "/a.jpg"))
        assert is_seen
        assert set(found) == {*seen, Target("https", "img.test", "/a.jpg")}
        assert len(found) == len(set(found))


async def test_a_url_never_seen_is_covered_in_both_schemes(store: Store) -> None:
    """A cache may hold it although Edgeward never saw it."""
    async with open_controller(store) as controller:
        found, is_seen = await controller.scope.targets_of_url(Target("https", "img.test", "/new?x=1"))
        assert not is_seen
        assert set(found) == {Target("http", "img.test", "/new?x=1"), Target("https", "img.test", "/new?x=1")}


async def test_a_hash_covers_the_images_near_it(store: Store) -> None:
    """A digest finds its image, a perceptual hash all within the default radius; targets can be limited to hosts."""
    near, far = "0" * 4 + PDQ[4:], "f" * 20 + PDQ[20:]
    async with open_controller(store) as controller:
        one, two, three = (
            image(name, Signal("pdq", value, 90)) for name, value in zip("abc", (PDQ, near, far), strict=True)
        )
        here = await controller.see("http://img.test/a", one)
        there = await controller.see("http://other.test/a", one)
        await controller.see("http://img.test/b", two)
        await controller.see("http://img.test/c", three)
        assert {i.sha256 for i in await controller.scope.similar_images(Signal("pdq", PDQ))} == {one.sha256, two.sha256}
        assert [i.sha256 for i in await controller.scope.similar_images(Signal("sha256", three.sha256))] == [
            three.sha256
        ]
        assert set(await controller.scope.targets_of_image(one.sha256)) == {here, there}
        assert (await controller.scope.targets_of_image(one.sha256, ["IMG.test"])).keys() == {here}


async def test_prefixes_cover_all_below_them(store: Store) -> None:
    """Every target of the host whose path begins with a prefix, in any form; no other."""
    async with open_controller(store) as controller:
        inside = [
            await controller.see("http://img.test/u/17/a.jpg", image("a")),
            await controller.see("https://img.test/u/%31%37/b.jpg?x=1", image("b")),
            await controller.see("http://img.test/v/c.jpg", image("c")),
        ]
        await controller.see("http://img.test/u/171.jpg", image("d"))
        await controller.see("http://other.test/u/17/a.jpg", image("a"))
        prefixes = [Target("https", "img.test", "/u/17/"), Target("https", "img.test", "/v/")]
        found = [target async for batch in controller.scope.targets_below(prefixes) for target in batch]
        assert sorted(found, key=str) == sorted(inside, key=str)
