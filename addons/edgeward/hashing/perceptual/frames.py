"""An image's bytes to the perceptual signals of its distinct frames, and the flaw if some are missing."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from edgeward.hashing.decoding.images import Picture, TooManyFrames, TooManyPixels, pictures
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.perceptual.source_image import SourceImage
from edgeward.hashing.perceptual.views import Views, is_duplicate
from edgeward.hashing.signal_registry import may_draft
from edgeward.types import Flaw, Signal, View

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings

DECODED_FRAMES_FACTOR = 16
"""Limit on frames that are decoded, in multiples of hashing.max_frames: most frames of an animation are duplicates."""
MAX_FRAMES_OF_VIEW = {View.GEOMETRY: 4, View.SMALLER: 1}
"""Distinct frames that are hashed in these views, which cost most. Other views: all."""
MAX_SIGNALS_PER_IMAGE = 4096
"""A frame that would exceed this is not hashed, even within hashing.max_frames."""


class FrameSignals(NamedTuple):
    """The signals of an image's frames. `size`: of the first, in pixels; (0, 0) if none was decoded."""

    signals: tuple[Signal, ...]
    flaw: Flaw | None = None
    size: tuple[int, int] = (0, 0)


def frame_signals(body: bytes, media_type: str, settings: "HashingSettings", request: HashRequest) -> FrameSignals:
    """The perceptual signals of an image of a type in media_types.DECODABLE. MemoryError passes through."""
    found = _hash_frames(body, media_type, settings, request, lenient=False)
    if found.flaw is Flaw.UNDECODABLE:
        # What a browser would show of a broken file. Second, since a lenient decoder hides failed allocations.
        found = _hash_frames(body, media_type, settings, request, lenient=True)
    return found


def _hash_frames(
    body: bytes, media_type: str, settings: "HashingSettings", request: HashRequest, lenient: bool
) -> FrameSignals:
    frames = _DistinctFrames(settings, request.views)
    try:
        for picture in pictures(
            body,
            media_type,
            max_pixels=settings.max_pixels,
            max_frames=DECODED_FRAMES_FACTOR * settings.max_frames,
            drafted=not request.exact and may_draft(settings.signals),
            lenient=lenient,
        ):
            frames.add(picture)
    except TooManyPixels:
        return frames.result(Flaw.TOO_MANY_PIXELS)
    except TooManyFrames:
        return frames.result(Flaw.TOO_MANY_FRAMES)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parsers raise nearly anything; each is counted by its flaw
        return frames.result(Flaw.UNDECODABLE)
    return frames.result()


class _DistinctFrames:
    """The signals of an image's frames, of each that differs from all before it."""

    def __init__(self, settings: "HashingSettings", asked: frozenset[View]) -> None:
        self._views = Views(settings)
        self._asked = asked
        self._max_frames = settings.max_frames
        self._distinct: list[str] = []
        self._signals: list[Signal] = []
        self._frame_flaw: Flaw | None = None
        self._size = (0, 0)

    def add(self, picture: Picture) -> None:
        """Hash a frame, unless it is a duplicate.

        Raises:
            TooManyFrames: the limit of frames or of signals is reached.
        """
        source = SourceImage(picture)
        if not any(self._size):
            self._size = picture.size
        if source.too_small:
            self._frame_flaw = self._frame_flaw or Flaw.TOO_SMALL
            return
        if any(is_duplicate(source.pdq.value, other) for other in self._distinct):
            return
        count = len(self._distinct)
        asked = {view for view in self._asked if count < MAX_FRAMES_OF_VIEW.get(view, count + 1)}
        signals = self._views.signals(source, asked)
        if not signals:
            self._frame_flaw = Flaw.FLAT
            return
        if count == self._max_frames or len(self._signals) + len(signals) > MAX_SIGNALS_PER_IMAGE:
            raise TooManyFrames
        self._distinct.append(source.pdq.value)
        self._signals += (replace(signal, frame=picture.frame) for signal in signals)

    def result(self, flaw: Flaw | None = None) -> FrameSignals:
        """All signals, with the flaw: `flaw` if decoding ended with one, else what kept signals from being made."""
        if self._views.failed:
            flaw = flaw or Flaw.CRASHED
        if not self._signals:
            flaw = flaw or self._frame_flaw
        return FrameSignals(tuple(self._signals), flaw, self._size)
