"""A batch of sightings, grouped by image."""

from dataclasses import replace

from tests.support.real_caches import image, target

from edgeward.sightings.codec import pack_fingerprint, pack_target
from edgeward.sightings.last_seen import last_seen, repeats
from edgeward.sightings.pending_writes import pending_writes
from edgeward.sightings.url_normalization import normalized
from edgeward.types import Fingerprint, Flaw, Sighting, Signal

FLAWED = replace(image("a"), signals=(), flaw=Flaw.TIMEOUT)


def seen(path: str, fingerprint: Fingerprint, at: float) -> Sighting:
    return Sighting(target(path), fingerprint, at, 1)


def test_one_write_for_each_image() -> None:
    """Sightings of an image become one write, each target and URL with the second of its latest sighting."""
    batch = [
        seen("/1", image("a"), 9.9),
        seen("/2", image("b"), 1),
        seen("/1", image("a"), 5),
        seen("//1", image("a"), 12),
    ]
    first, second = pending_writes(batch)
    assert (first.packed, second.packed) == (pack_fingerprint(image("a")), pack_fingerprint(image("b")))
    assert first.targets == {pack_target(target("/1")): 9, pack_target(target("//1")): 12}
    assert first.urls == {normalized(target("/1")): 12}
    assert pending_writes([]) == []


def test_leaves_out_what_is_not_on_record() -> None:
    """A target that is left out takes its URL with it, unless another target has the same."""
    batch = [seen("/1", image("a"), 1), seen("//1", image("a"), 2), seen("/2?x", image("a"), 3)]
    (write,) = pending_writes(batch)
    assert write.leave_out({pack_target(target("//1"))}) == [target("/1"), target("/2?x")]
    assert write.targets == {pack_target(target("//1")): 2}
    assert write.urls == {normalized(target("/1")): 2}
    assert write.leave_out({pack_target(target("//1"))}) == []


def test_counts_repeats_of_what_is_on_record() -> None:
    """The later second stays."""
    (write,) = pending_writes([seen("/1", image("a"), 5), seen("/2", image("a"), 6)])
    write.count_repeats({pack_target(target("/1")): b"9"})
    one, two = write.targets[pack_target(target("/1"))], write.targets[pack_target(target("/2"))]
    assert [(last_seen(each), repeats(each)) for each in (one, two)] == [(9, 1), (6, 0)]


def test_a_complete_fingerprint_wins() -> None:
    """Of an incomplete and a complete fingerprint of one image, the complete one is written, in either order."""
    for order in ((FLAWED, image("a")), (image("a"), FLAWED)):
        (write,) = pending_writes([seen("/", fingerprint, 1) for fingerprint in order])
        assert write.packed == pack_fingerprint(image("a"))


def test_compares_with_what_is_on_record() -> None:
    """New and better fingerprints are announced and written; an equal or incomplete one leaves the one on record."""
    kept = pack_fingerprint(image("a"), "01234567")
    for fingerprint, old, announced, replaces, written in (
        (image("a"), None, True, False, pack_fingerprint(image("a"))),
        (image("a"), kept, False, False, kept),
        (FLAWED, kept, False, False, kept),
        (image("a"), pack_fingerprint(FLAWED), True, True, pack_fingerprint(image("a"))),
    ):
        (write,) = pending_writes([seen("/", fingerprint, 1)])
        assert write.compare_with(old) is announced
        assert (write.replaces, write.packed) == (replaces, written)


def test_a_fingerprint_of_a_later_release_stays() -> None:
    """It is not written over by one of this release, which can't read it; a damaged one is."""
    packed = pack_fingerprint(image("a", Signal("md5", "cd" * 16)))
    for on_record, replaces in ((bytes((packed[0] + 1,)) + packed[1:], False), (packed[:40], True)):
        (write,) = pending_writes([Sighting(target("/a"), image("a", Signal("pdq", "0f" * 32, 80)), 1.0, 0)])
        assert write.compare_with(on_record) is replaces
        assert write.replaces is replaces
        assert (write.packed == on_record) is not replaces
