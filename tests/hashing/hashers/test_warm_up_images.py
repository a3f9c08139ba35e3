"""The pictures that a process decodes before it is isolated."""

from edgeward.hashing.decoding.images import pictures
from edgeward.hashing.hashers.warm_up_images import warm_up_images
from edgeward.hashing.media_types import sniff


def test_each_is_a_picture_of_another_format() -> None:
    """Each is recognised by its magic bytes and decoded, and no format comes twice."""
    found = {sniff(body): body for body in warm_up_images()}
    assert set(found) == {"image/jpeg", "image/png", "image/gif", "image/tiff"}
    for media_type, body in found.items():
        [first, *_] = pictures(body, str(media_type), max_pixels=64_000_000, max_frames=1)
        assert first.size == (96, 64)
