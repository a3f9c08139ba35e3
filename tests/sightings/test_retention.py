"""Which targets are forgotten first."""

import random
from dataclasses import replace

from tests.sightings.seen_targets import paths, seen
from tests.support.real_caches import image, target

from edgeward.sightings.codec import image_id, pack_target
from edgeward.sightings.retention import FIELD_OVERHEAD, Limits, SeenTarget, beyond_limits, least_valuable_first

WIDE = Limits(10**6, 10**9, 10**6, 10**9)


def shuffled(targets: list[SeenTarget]) -> list[SeenTarget]:
    random.Random(7).shuffle(targets)
    return targets


def test_within_the_limits_nothing_is_forgotten() -> None:
    """Whatever the targets are."""
    assert beyond_limits([seen(f"/{number}?x") for number in range(50)], WIDE) == []
    assert beyond_limits([], WIDE) == []


def test_a_flood_of_queries_displaces_queries_of_its_own_path() -> None:
    """One-time queries beyond the limit of their path go, the newest first; what was there before the flood, what was
    requested again, and other paths stay."""
    flood = [seen(f"/a?{number}", at=1000 + number) for number in range(100)]
    popular = [seen(f"/a?popular={number}", at=1, again=number + 1) for number in range(3)]
    others = [seen("/a?before", at=500), seen("/b", at=2000), seen("/c?1", at=2000)]
    beyond = beyond_limits(shuffled(flood + popular + others), replace(WIDE, path_targets=10))
    assert sorted(paths(beyond)) == sorted(f"/a?{number}" for number in range(6, 100))


def test_other_spellings_of_a_path_share_its_limit() -> None:
    """Percent-encoding, slashes and case of the host make no path of its own."""
    spellings = [seen("/a", 1), seen("//a", 2), seen("/%61?x", 3), seen("/./a", 4), seen("/a", 5, host="IMG.test:80")]
    assert paths(beyond_limits(spellings, replace(WIDE, path_targets=2))) == ["/%61?x", "/./a", "/a"]


def test_variants_of_a_path_share_its_limit() -> None:
    """However many values a header that Vary names has."""
    variants = []
    for number in range(5):
        packed = pack_target(target("/a", x_id=str(number)))
        variants.append(SeenTarget.read(image_id(image("a").sha256), packed, str(number).encode()))
    assert beyond_limits(shuffled(variants[:]), replace(WIDE, path_targets=2)) == variants[2:]


def test_bytes_are_limited_too() -> None:
    """Of a path, and of the image."""
    long = [seen(f"/a?{random.Random(number).randbytes(400).hex()}", at=number) for number in range(10)]
    size = long[0].size
    assert size >= 400 + FIELD_OVERHEAD
    by_path = beyond_limits(long, Limits(99, 3 * size + size // 2, 99, 10**9))
    assert paths(by_path) == paths(long[3:])
    by_image = beyond_limits(long, Limits(99, 10**9, 99, 3 * size + size // 2))
    assert sorted(paths(by_image)) == sorted(paths(long[3:]))


def test_the_image_gives_from_its_largest_path_first() -> None:
    """A path of many targets loses before paths of few, and targets that were requested again are the last to go."""
    crowded = [seen(f"/crowded?{number}", at=number) for number in range(20)]
    few = [seen(f"/{number}", at=1000 + number) for number in range(5)]
    popular = seen("/crowded?popular", at=1000, again=1)
    beyond = beyond_limits(shuffled([*crowded, *few, popular]), Limits(99, 10**9, 8, 10**9))
    assert set(paths(beyond)) == {f"/crowded?{number}" for number in range(2, 20)}


def test_hosts_give_their_share() -> None:
    """Of all images together: the host with the most targets gives first, whatever its images and paths."""
    flood = [seen(f"/{number}", at=number, name=str(number), host="flood.test") for number in range(30)]
    quiet = [seen(f"/{number}", at=1000 + number, name="q", host="quiet.test") for number in range(3)]
    popular = [seen(f"/p{number}", at=1, again=1, host="flood.test") for number in range(4)]
    first = least_valuable_first(shuffled(flood + quiet + popular))
    assert {each.url.host for each in first[:27]} == {"flood.test"}
    assert not any(each.is_popular for each in first[:33])
    assert all(each.is_popular for each in first[33:])
