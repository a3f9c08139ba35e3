"""Packed targets with the numbers that the store holds with them."""

from tests.support.real_caches import image

from edgeward.sightings.codec import image_id, pack_target
from edgeward.sightings.last_seen import seen_again
from edgeward.sightings.retention import SeenTarget
from edgeward.types import Target


def seen(path: str, at: int = 0, again: int = 0, name: str = "a", host: str = "img.test") -> SeenTarget:
    """A target of the image `name`, recorded last at `at` and `again` times more than once."""
    stored = at
    for _ in range(again):
        stored = seen_again(stored, at)
    packed = pack_target(Target("http", host, path))
    return SeenTarget.read(image_id(image(name).sha256), packed, str(stored).encode())


def paths(targets: list[SeenTarget]) -> list[str]:
    return [each.target.path for each in targets]
