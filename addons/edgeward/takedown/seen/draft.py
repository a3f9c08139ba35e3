"""One image of a batch of sightings, made ready to be written."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edgeward.takedown.seen.packing import asked_views, image_id, pack_fingerprint, pack_target, same_fingerprint
from edgeward.takedown.seen.spelling import Spelling, spelling_of
from edgeward.types import Fingerprint, Sighting


@dataclass(slots=True)
class Draft:
    """An image, its packed targets and its addresses, each with the second it was last seen."""

    fingerprint: Fingerprint
    id: bytes
    packed: bytes
    replaces: bool = False
    """Whether `packed` takes the place of another fingerprint on record."""
    targets: dict[bytes, int] = field(default_factory=dict)
    spellings: dict[Spelling, int] = field(default_factory=dict)

    def add(self, sighting: Sighting) -> None:
        """Add a target. A complete fingerprint replaces one that lacks something."""
        if sighting.fingerprint.is_complete and not self.fingerprint.is_complete:
            self.fingerprint, self.packed = sighting.fingerprint, pack_fingerprint(sighting.fingerprint)
        at = int(sighting.seen_at)
        target, spelling = pack_target(sighting.target), spelling_of(sighting.target)
        self.targets[target] = max(at, self.targets.get(target, 0))
        self.spellings[spelling] = max(at, self.spellings.get(spelling, 0))

    def settle(self, old: bytes | None) -> bool:
        """Given what is on record, settle what is to be. Returns whether it must be announced.

        What need not be replaced stays as it is, with its generation: so does what was looked at in more views, when a
        list asked for them.
        """
        if old is None:
            return True
        kept = same_fingerprint(old, self.packed) or not self.fingerprint.is_complete
        if kept or asked_views(self.packed) < asked_views(old):
            self.packed = old
            return False
        self.replaces = True
        return True


def drafts(batch: Iterable[Sighting]) -> list[Draft]:
    """The images of a batch, in order."""
    images: dict[str, Draft] = {}
    for sighting in batch:
        image = images.get(sighting.fingerprint.sha256)
        if image is None:
            packed = pack_fingerprint(sighting.fingerprint)
            image = images[sighting.fingerprint.sha256] = Draft(sighting.fingerprint, image_id(packed), packed)
        image.add(sighting)
    return list(images.values())
