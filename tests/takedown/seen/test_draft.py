"""A batch of sightings, image by image."""

from dataclasses import replace

from tests.takedown.conftest import image, target

from edgeward.takedown.seen.draft import drafts
from edgeward.takedown.seen.packing import pack_fingerprint, pack_target
from edgeward.takedown.seen.spelling import spelling_of
from edgeward.types import Fingerprint, Flaw, Sighting

FLAWED = replace(image("a"), signals=(), flaw=Flaw.TIMEOUT)


def seen(path: str, fingerprint: Fingerprint, at: float) -> Sighting:
    return Sighting(target(path), fingerprint, at, 1)


def test_one_draft_for_each_image() -> None:
    """Sightings of an image become one draft, each target and address with the second of its latest sighting."""
    batch = [
        seen("/1", image("a"), 9.9),
        seen("/2", image("b"), 1),
        seen("/1", image("a"), 5),
        seen("//1", image("a"), 12),
    ]
    first, second = drafts(batch)
    assert (first.packed, second.packed) == (pack_fingerprint(image("a")), pack_fingerprint(image("b")))
    assert first.targets == {pack_target(target("/1")): 9, pack_target(target("//1")): 12}
    assert first.spellings == {spelling_of(target("/1")): 12}
    assert drafts([]) == []


def test_a_complete_fingerprint_wins() -> None:
    """Of a flawed fingerprint and a complete one of the same image the complete one is written, in either order."""
    for order in ((FLAWED, image("a")), (image("a"), FLAWED)):
        (draft,) = drafts([seen("/", fingerprint, 1) for fingerprint in order])
        assert draft.packed == pack_fingerprint(image("a"))


def test_settles_what_is_announced_and_written() -> None:
    """New and better fingerprints are announced; the same one, and a flawed one for any other, leave what is there."""
    kept = pack_fingerprint(image("a"), "01234567")
    for fingerprint, old, announced, replaces, written in (
        (image("a"), None, True, False, pack_fingerprint(image("a"))),
        (image("a"), kept, False, False, kept),
        (FLAWED, kept, False, False, kept),
        (image("a"), pack_fingerprint(FLAWED), True, True, pack_fingerprint(image("a"))),
    ):
        (draft,) = drafts([seen("/", fingerprint, 1)])
        assert draft.settle(old) is announced
        assert (draft.replaces, draft.packed) == (replaces, written)
