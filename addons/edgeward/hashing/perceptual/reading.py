"""An image's bytes to the perceptual signals of its distinct frames, and to the flaw that kept others away."""

from dataclasses import replace
from typing import NamedTuple

from edgeward.config import HashingSettings
from edgeward.hashing.decoding.images import Picture, TooManyFrames, TooManyPixels, pictures
from edgeward.hashing.perceptual.subject import Subject
from edgeward.hashing.perceptual.views import Views, is_near
from edgeward.hashing.registry import may_draft
from edgeward.hashing.request import HashRequest
from edgeward.types import Flaw, Signal, View

FRAMES_LOOKED_AT = 16
"""Frames that are decoded in search of distinct ones, in multiples of hashing.max_frames."""
FRAMES_OF = {View.SEARCHED: 4, View.SMALLER: 1}
"""Distinct frames of which a view is made; all, of others."""
MAX_SIGNALS = 4096
"""Of one image: with more of them a frame is one too many, whatever the settings."""


class Reading(NamedTuple):
    """What came of an image's frames. `size`: of the first, in pixels; (0, 0) where none was decoded."""

    signals: tuple[Signal, ...]
    flaw: Flaw | None = None
    size: tuple[int, int] = (0, 0)


def read(body: bytes, media_type: str, settings: HashingSettings, request: HashRequest) -> Reading:
    """The perceptual signals of an image of a type in media.DECODABLE. MemoryError passes through."""
    reading = _read(body, media_type, settings, request, lenient=False)
    if reading.flaw is Flaw.UNDECODABLE:
        # What a browser would show of a broken file. Not the first choice: a lenient decoder hides its failures.
        reading = _read(body, media_type, settings, request, lenient=True)
    return reading


def _read(body: bytes, media_type: str, settings: HashingSettings, request: HashRequest, lenient: bool) -> Reading:
    frames = _Frames(settings, request.views)
    try:
        for picture in pictures(
            body,
            media_type,
            max_pixels=settings.max_pixels,
            max_frames=FRAMES_LOOKED_AT * settings.max_frames,
            drafted=not request.exact and may_draft(settings.signals),
            lenient=lenient,
        ):
            frames.add(picture)
    except TooManyPixels:
        return frames.reading(Flaw.TOO_MANY_PIXELS)
    except TooManyFrames:
        return frames.reading(Flaw.TOO_MANY_FRAMES)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; each is counted by its flaw
        return frames.reading(Flaw.UNDECODABLE)
    return frames.reading()


class _Frames:
    """The signals of the distinct frames of one image: of each that differs from all before it."""

    def __init__(self, settings: HashingSettings, asked: frozenset[View]) -> None:
        self._views = Views(settings)
        self._asked = asked
        self._max_frames = settings.max_frames
        self._distinct: list[str] = []
        self._signals: list[Signal] = []
        self._lack: Flaw | None = None
        self._size = (0, 0)

    def add(self, picture: Picture) -> None:
        """Hash a frame, unless it hardly differs from one that was.

        Raises:
            TooManyFrames: it is one too many.
        """
        subject = Subject(picture)
        if not any(self._size):
            self._size = picture.size
        if subject.too_small:
            self._lack = self._lack or Flaw.TOO_SMALL
            return
        if any(is_near(subject.pdq.value, other) for other in self._distinct):
            return
        asked = {view for view in self._asked if len(self._distinct) < FRAMES_OF.get(view, len(self._distinct) + 1)}
        signals = self._views.signals(subject, asked)
        if not signals:
            self._lack = Flaw.FLAT
            return
        if len(self._distinct) == self._max_frames or len(self._signals) + len(signals) > MAX_SIGNALS:
            raise TooManyFrames
        self._distinct.append(subject.pdq.value)
        self._signals += (replace(signal, frame=picture.frame) for signal in signals)

    def reading(self, flaw: Flaw | None = None) -> Reading:
        """What came of the frames, where `flaw` ended them."""
        if self._views.failed:
            flaw = flaw or Flaw.CRASHED
        if not self._signals:
            flaw = flaw or self._lack
        return Reading(tuple(self._signals), flaw, self._size)
