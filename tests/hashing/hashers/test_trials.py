"""The pictures that a process tries itself out on."""

from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.hashers.trials import trials
from edgeward.hashing.media import sniff


def test_each_is_a_picture_of_another_format() -> None:
    """All of them are known by their magic bytes and decoded, so that whoever does that has loaded what it needs."""
    found = {sniff(body): body for body in trials()}
    assert set(found) == {"image/jpeg", "image/png", "image/gif", "image/tiff"}
    for media_type, body in found.items():
        [first, *_] = pictures(body, str(media_type), max_pixels=64_000_000, max_frames=1)
        assert first.size == (96, 64)
