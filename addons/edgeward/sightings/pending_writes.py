"""A batch of sightings, grouped by image and ready to be written."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from edgeward import metrics
from edgeward.sightings.codec import (
    image_id,
    is_later,
    optional_views,
    pack_fingerprint,
    pack_target,
    same_fingerprint,
    unpack_target,
)
from edgeward.sightings.last_seen import seen_again
from edgeward.sightings.url_normalization import NormalizedUrl, normalized
from edgeward.types import Fingerprint, Sighting, Target, View


@dataclass(slots=True)
class PendingWrite:
    """One image with its packed targets and its normalized URLs, each with the Unix second when it was last seen."""

    fingerprint: Fingerprint
    id: bytes
    packed: bytes
    replaces: bool = False
    """Whether `packed` replaces another fingerprint on record."""
    targets: dict[bytes, int] = field(default_factory=dict)
    """After `count_repeats` the numbers to be stored (last_seen.py)."""
    urls: dict[NormalizedUrl, int] = field(default_factory=dict)

    def add(self, sighting: Sighting) -> None:
        """Add a sighting. Its fingerprint replaces an incomplete one if it is complete."""
        if sighting.fingerprint.is_complete and not self.fingerprint.is_complete:
            self.fingerprint, self.packed = sighting.fingerprint, pack_fingerprint(sighting.fingerprint)
        at = int(sighting.seen_at)
        target, url = pack_target(sighting.target), normalized(sighting.target)
        self.targets[target] = max(at, self.targets.get(target, 0))
        self.urls[url] = max(at, self.urls.get(url, 0))

    def leave_out(self, on_record: Container[bytes]) -> list[Target]:
        """Leave out the targets that are not on record. Returns them."""
        left_out = [unpack_target(packed) for packed in self.targets if packed not in on_record]
        if left_out:
            self.targets = {packed: at for packed, at in self.targets.items() if packed in on_record}
            kept = {normalized(unpack_target(packed)) for packed in self.targets}
            self.urls = {url: at for url, at in self.urls.items() if url in kept}
        return left_out

    def count_repeats(self, on_record: Mapping[bytes, bytes]) -> None:
        """Count one more sighting for each target that is on record."""
        for packed, stored in on_record.items():
            if packed in self.targets:
                self.targets[packed] = seen_again(stored, self.targets[packed])

    def compare_with(self, on_record: bytes | None) -> bool:
        """Decide which fingerprint to write, given the packed one on record. Returns whether to announce the image.

        The one on record stays, with its generation, if the new one is equal, incomplete, or lacks optional views that
        it has: a list asked for those when it was made. So does one that a later release wrote, and a damaged one is
        replaced.
        """
        if on_record is None:
            return True
        if is_later(on_record):
            self.packed = on_record
            return False
        no_better = same_fingerprint(on_record, self.packed) or not self.fingerprint.is_complete
        if no_better or optional_views(self.packed) < _views_on_record(on_record):
            self.packed = on_record
            return False
        self.replaces = True
        return True


def _views_on_record(packed: bytes) -> frozenset[View]:
    """None of a damaged fingerprint."""
    try:
        return optional_views(packed)
    except ValueError:
        metrics.unreadable_records.labels("fingerprint").inc()
        return frozenset()


def pending_writes(batch: Iterable[Sighting]) -> list[PendingWrite]:
    """The images of a batch, in the order in which they appear."""
    images: dict[str, PendingWrite] = {}
    for sighting in batch:
        image = images.get(sighting.fingerprint.sha256)
        if image is None:
            packed = pack_fingerprint(sighting.fingerprint)
            image = images[sighting.fingerprint.sha256] = PendingWrite(sighting.fingerprint, image_id(packed), packed)
        image.add(sighting)
    return list(images.values())
