"""The views of one frame: stored, shown, inner, and those that lists ask for."""

from collections.abc import Iterator, Set
from dataclasses import replace
from typing import TYPE_CHECKING

from edgeward.hashing import signal_registry
from edgeward.hashing.perceptual.downscaled_copies import downscaled_pdqs
from edgeward.hashing.perceptual.geometry import geometry_variants
from edgeward.hashing.perceptual.hashes import perceptual_signals
from edgeward.hashing.perceptual.installed_types import installed_signals
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.types import Signal, View

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings

DUPLICATE_BITS = 4
"""If the PDQs of two pictures differ in at most this many bits, one of them is not hashed.

A value within 27 bits of the dropped PDQ lies within the default radius, 31, of the other."""


class Views:
    """Hashes the views of frames. `failed`: an installed signal type raised on one of them."""

    def __init__(self, settings: "HashingSettings") -> None:
        self._types = settings.signals
        self._min_quality = settings.min_quality
        self._has_installed = bool(signal_registry.installed_types(settings.signals))
        self.failed = False

    def signals(self, whole: SourceImage, asked: Set[View]) -> list[Signal]:
        """The distinct perceptual signals of one frame. `asked`: views beyond STORED, SHOWN and INNER.

        Neither the whole nor a picture within borders has signals if it is too small or too flat. Its PDQ's quality
        says whether it is flat, even if "pdq" is not among the types to compute.
        """
        pictures = [(View.STORED, whole)] if self._has_content(whole) else []
        pictures += [(View.INNER, inner) for inner in self._inner(whole)]
        always = dict.fromkeys(signal for view, source in pictures for signal in self._always(source, view))
        # A value that matches on every list need not be looked up again for lists that ask for more.
        known = {(signal.type, signal.value) for signal in always}
        more = dict.fromkeys(signal for view, source in pictures for signal in self._asked_for(source, view, asked))
        return [*always, *(signal for signal in more if (signal.type, signal.value) not in known)]

    def _has_content(self, source: SourceImage) -> bool:
        return not source.too_small and source.pdq.quality >= self._min_quality

    def _inner(self, whole: SourceImage) -> Iterator[SourceImage]:
        """The pictures within borders that differ from the whole and from each other."""
        known = [whole.pdq.value]
        for inner in whole.inner():
            if self._has_content(inner) and not any(is_duplicate(inner.pdq.value, other) for other in known):
                known.append(inner.pdq.value)
                yield inner

    def _always(self, source: SourceImage, view: View) -> Iterator[Signal]:
        """The signals as stored, and as shown if the EXIF orientation turns the picture."""
        orientation = source.picture.orientation
        shown = View.SHOWN if view is View.STORED and orientation != 1 else view
        yield from perceptual_signals(source, self._types, view)
        if orientation != 1:
            yield from perceptual_signals(source, self._types, shown, orientation)
        if self._has_installed:
            made = installed_signals(source.oriented(orientation), self._types)
            self.failed |= made.failed
            yield from (replace(signal, view=shown) for signal in made.signals)

    def _asked_for(self, source: SourceImage, view: View, asked: Set[View]) -> Iterator[Signal]:
        """PDQs of the views in `asked`: DIHEDRAL of every picture; the others, which cost more, of the whole alone."""
        if "pdq" not in self._types:
            return
        if View.DIHEDRAL in asked:
            for value in source.oriented_pdqs(range(2, 9)).values():
                yield Signal("pdq", value, source.pdq.quality, View.DIHEDRAL)
        if View.SMALLER in asked and view is View.STORED:
            for made in downscaled_pdqs(source.picture.image, source.pdq.value):
                yield Signal("pdq", *made, View.SMALLER)
        if View.GEOMETRY in asked and view is View.STORED:
            for orientation in {1, source.picture.orientation}:
                for value in geometry_variants(*source.oriented(orientation)[:3]):
                    yield Signal("pdq", value, source.pdq.quality, View.GEOMETRY)


def is_duplicate(one: str, other: str) -> bool:
    """Whether two pictures with these PDQs are so much alike that hashing one is enough."""
    return (int(one, 16) ^ int(other, 16)).bit_count() <= DUPLICATE_BITS
