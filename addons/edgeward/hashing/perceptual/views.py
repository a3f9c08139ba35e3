"""The views of one frame: as stored, as shown, within its borders, and those that lists ask for."""

from collections.abc import Iterator, Set
from dataclasses import replace

from edgeward.config import HashingSettings
from edgeward.hashing import registry
from edgeward.hashing.perceptual import installed
from edgeward.hashing.perceptual.geometry import searched
from edgeward.hashing.perceptual.hashes import perceptual
from edgeward.hashing.perceptual.sizes import smaller
from edgeward.hashing.perceptual.subject import Subject
from edgeward.types import Signal, View

NEAR = 4
"""Two pictures whose PDQs differ in no more bits are taken for one: what lies within 27 bits of the one that is left
out lies within the default radius, 31, of the one that is kept."""


class Views:
    """What is hashed of every frame. `failed`: an installed signal type did not get to the end of its work."""

    def __init__(self, settings: HashingSettings) -> None:
        self._types = settings.signals
        self._min_quality = settings.min_quality
        self._installed = bool(registry.installed(settings.signals))
        self.failed = False

    def signals(self, whole: Subject, asked: Set[View]) -> list[Signal]:
        """The perceptual signals of one frame, each once; `asked` are views beyond those that are always made.

        Of each picture, the whole and what lies within borders, that is too small or too flat there are none. Whether
        it is flat is told by its PDQ's quality, also where "pdq" is no signal that is wanted.
        """
        pictures = [(View.STORED, whole)] if self._says_enough(whole) else []
        pictures += [(View.INNER, inner) for inner in self._inner(whole)]
        always = dict.fromkeys(signal for view, subject in pictures for signal in self._always(subject, view))
        known = {(signal.type, signal.value) for signal in always}
        more = dict.fromkeys(signal for view, subject in pictures for signal in self._asked_for(subject, view, asked))
        return [*always, *(signal for signal in more if (signal.type, signal.value) not in known)]

    def _says_enough(self, subject: Subject) -> bool:
        return not subject.too_small and subject.pdq.quality >= self._min_quality

    def _inner(self, whole: Subject) -> Iterator[Subject]:
        """What may lie within borders and says something of its own."""
        known = [whole.pdq.value]
        for inner in whole.inner():
            if self._says_enough(inner) and not any(is_near(inner.pdq.value, other) for other in known):
                known.append(inner.pdq.value)
                yield inner

    def _always(self, subject: Subject, view: View) -> Iterator[Signal]:
        """A picture that is shown otherwise than it is stored has the signals of both."""
        orientation = subject.picture.orientation
        shown = View.SHOWN if view is View.STORED and orientation != 1 else view
        yield from perceptual(subject, self._types, view)
        if orientation != 1:
            yield from perceptual(subject, self._types, shown, orientation)
        if self._installed:
            made = installed.made(subject.shown(orientation), self._types)
            self.failed |= made.failed
            yield from (replace(signal, view=shown) for signal in made.signals)

    def _asked_for(self, subject: Subject, view: View, asked: Set[View]) -> Iterator[Signal]:
        """Mirrored and turned, the picture within borders too; the search over geometry is made of the whole alone."""
        if "pdq" not in self._types:
            return
        if View.TURNED in asked:
            for value in subject.turned(range(2, 9)).values():
                yield Signal("pdq", value, subject.pdq.quality, View.TURNED)
        if View.SMALLER in asked and view is View.STORED:
            for made in smaller(subject.picture.image, subject.pdq.value):
                yield Signal("pdq", *made, View.SMALLER)
        if View.SEARCHED in asked and view is View.STORED:
            for orientation in {1, subject.picture.orientation}:
                for value in searched(*subject.shown(orientation)[:3]):
                    yield Signal("pdq", value, subject.pdq.quality, View.SEARCHED)


def is_near(one: str, other: str) -> bool:
    """Whether two pictures, by their PDQs, are as good as one."""
    return (int(one, 16) ^ int(other, 16)).bit_count() <= NEAR
