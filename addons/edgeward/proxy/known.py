"""The fingerprints that a worker remembers: of the bodies that came last, and so many that they fit its memory."""

from collections import OrderedDict

from edgeward.types import Fingerprint

SIGNALS_HELD = 500_000
"""Some 100 MB. It tells only where a list asks for `geometry`: then an image has 150 signals or so, not ten."""


class KnownFingerprints:
    """The last `size` fingerprints, or fewer that have SIGNALS_HELD signals together."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[str, Fingerprint] = OrderedDict()
        self._signals = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Fingerprint | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def remember(self, key: str, fingerprint: Fingerprint) -> None:
        replaced = self._known.pop(key, None)
        self._known[key] = fingerprint
        self._signals += len(fingerprint.signals) - (len(replaced.signals) if replaced else 0)
        while len(self._known) > self._size or (self._signals > SIGNALS_HELD and len(self._known) > 1):
            _, oldest = self._known.popitem(last=False)
            self._signals -= len(oldest.signals)
