"""What a takedown reaches, over sightings in a real Redis."""

import pytest
from tests.takedown.conftest import image
from tests.takedown.removals.desk import open_desk

from edgeward.store.connection import Store
from edgeward.takedown.removals.reach import is_among
from edgeward.types import Signal, Target

PDQ = "0123456789abcdef" * 4


async def test_a_url_reaches_every_spelling(store: Store) -> None:
    """Every query string, variant, scheme and spelling seen of a URL, and itself in both schemes; no neighbours."""
    async with open_desk(store) as desk:
        seen = [
            await desk.see("http://img.test/a.jpg", image("a")),
            await desk.see("https://img.test/a.jpg?w=200", image("b")),
            await desk.see("https://IMG.test:443/%61.jpg", image("a")),
            await desk.see("http://img.test/a.jpg", image("c"), accept="image/webp"),
        ]
        await desk.see("http://img.test/a.jpg.bak", image("a"))
        await desk.see("http://other.test/a.jpg", image("a"))
        found = await desk.reach.url(Target("http", "img.test", "/a.jpg"))
        assert set(found) == {*seen, Target("https", "img.test", "/a.jpg")}
        assert len(found) == len(set(found))


async def test_a_url_never_seen_is_reached_in_both_schemes(store: Store) -> None:
    """A cache may hold it all the same."""
    async with open_desk(store) as desk:
        found = await desk.reach.url(Target("https", "img.test", "/new?x=1"))
        assert set(found) == {Target("http", "img.test", "/new?x=1"), Target("https", "img.test", "/new?x=1")}


async def test_a_hash_reaches_the_images_near_it(store: Store) -> None:
    """A digest finds its image, a perceptual hash all within the default radius; hosts can be bounded."""
    near, far = "0" * 4 + PDQ[4:], "f" * 20 + PDQ[20:]
    async with open_desk(store) as desk:
        one, two, three = (
            image(name, Signal("pdq", value, 90)) for name, value in zip("abc", (PDQ, near, far), strict=True)
        )
        here = await desk.see("http://img.test/a", one)
        there = await desk.see("http://other.test/a", one)
        await desk.see("http://img.test/b", two)
        await desk.see("http://img.test/c", three)
        assert {i.sha256 for i in await desk.reach.images(Signal("pdq", PDQ))} == {one.sha256, two.sha256}
        assert [i.sha256 for i in await desk.reach.images(Signal("sha256", three.sha256))] == [three.sha256]
        assert set(await desk.reach.targets(one.sha256)) == {here, there}
        assert await desk.reach.targets(one.sha256, ["IMG.test"]) == [here]


async def test_prefixes_reach_all_below_them(store: Store) -> None:
    """Everything of the host whose path begins so, in any spelling; nothing beside it."""
    async with open_desk(store) as desk:
        inside = [
            await desk.see("http://img.test/u/17/a.jpg", image("a")),
            await desk.see("https://img.test/u/%31%37/b.jpg?x=1", image("b")),
            await desk.see("http://img.test/v/c.jpg", image("c")),
        ]
        await desk.see("http://img.test/u/171.jpg", image("d"))
        await desk.see("http://other.test/u/17/a.jpg", image("a"))
        prefixes = [Target("https", "img.test", "/u/17/"), Target("https", "img.test", "/v/")]
        found = [target async for batch in desk.reach.below(prefixes) for target in batch]
        assert sorted(found, key=str) == sorted(inside, key=str)


@pytest.mark.parametrize(
    ("host", "hosts", "among"),
    [
        ("img.test", ["img.test"], True),
        ("IMG.Test.:8080", ["img.test"], True),
        ("img.test", ["IMG.TEST:443"], True),
        ("[::1]:80", ["[::1]"], True),
        ("img.test.evil", ["img.test"], False),
        ("evil-img.test", ["img.test"], False),
        ("anything", ["*"], True),
        ("img.test", [], False),
    ],
)
def test_hosts_are_compared_by_name(host: str, hosts: list[str], among: bool) -> None:
    """Port, case and closing dot make no difference; all else does."""
    assert is_among(host, hosts) is among
