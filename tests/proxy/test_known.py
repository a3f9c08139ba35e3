"""The fingerprints that a worker remembers."""

import pytest

from edgeward.proxy import known as module
from edgeward.proxy.known import KnownFingerprints
from edgeward.types import Fingerprint, Signal


def image(name: str, signals: int = 1) -> Fingerprint:
    return Fingerprint(name, "image/jpeg", 1, tuple(Signal("pdq", f"{number:064x}") for number in range(signals)))


def test_the_latest_are_known() -> None:
    """What was asked for last stays, what was not goes."""
    known = KnownFingerprints(2)
    for name in "ab":
        known.remember(name, image(name))
    assert known.get("a") == image("a")
    known.remember("c", image("c"))
    assert [known.get(name) is not None for name in "abc"] == [True, False, True]


def test_many_signals_leave_room_for_fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signals of all together are bounded, however often one is remembered anew; a single image always fits."""
    monkeypatch.setattr(module, "SIGNALS_HELD", 100)
    known = KnownFingerprints(50)
    for _ in range(30):
        known.remember("a", image("a", 40))
    for name in ("b", "c"):
        known.remember(name, image(name, 30))
    assert len(known) == 3
    known.remember("d", image("d", 1))
    assert (len(known), known.get("a")) == (3, None)
    known.remember("e", image("e", 500))
    assert (len(known), known.get("e")) == (1, image("e", 500))
