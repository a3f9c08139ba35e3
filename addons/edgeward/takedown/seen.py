"""An index in memory of every image seen: which of them lie near a signal?"""

from edgeward.matching.hamming import HammingIndex
from edgeward.matching.matcher import PERCEPTUAL
from edgeward.types import Fingerprint, Signal


class SeenImages:
    """Signals of images, each image known by its SHA-256. Images are only added: rebuild it to forget."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, str], tuple[str, ...]] = {}
        self._indexes: dict[tuple[str, int], HammingIndex[tuple[str, str]]] = {}
        self._known: set[tuple[str, str, str]] = set()

    def add(self, fingerprint: Fingerprint) -> None:
        """Add an image; signals of it that are here already are left out."""
        for signal in fingerprint.signals:
            if signal.type in PERCEPTUAL:
                self._add_perceptual(fingerprint.sha256, signal)
            else:
                self._add_digest(fingerprint.sha256, signal)

    def _add_perceptual(self, sha256: str, signal: Signal) -> None:
        known = (sha256, signal.type, signal.value)
        if known not in self._known:
            self._known.add(known)
            self._index(signal).add((sha256, signal.value), signal.value)

    def _add_digest(self, sha256: str, signal: Signal) -> None:
        key = (signal.type, signal.value)
        images = self._digests.get(key, ())
        if sha256 not in images:
            self._digests[key] = (*images, sha256)

    def near(self, signal: Signal, radius: int) -> set[str]:
        """SHA-256 of the images with a signal of this type within `radius` bits; a digest must be equal."""
        if signal.type not in PERCEPTUAL:
            return set(self._digests.get((signal.type, signal.value), ()))
        return {sha256 for (sha256, _), _ in self._index(signal).search(signal.value, radius)}

    def _index(self, signal: Signal) -> HammingIndex[tuple[str, str]]:
        bits = len(signal.value) * 4
        key = (signal.type, bits)
        if key not in self._indexes:
            self._indexes[key] = HammingIndex(bits)
        return self._indexes[key]
