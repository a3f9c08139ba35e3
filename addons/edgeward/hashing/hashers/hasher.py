"""One hasher as its parent sees it: an isolated process that makes fingerprints, and whose answers are checked."""

import asyncio
import re
from typing import Self

from edgeward.config import HashingSettings
from edgeward.hashing.registry import known
from edgeward.hashing.request import HashRequest
from edgeward.isolation.isolated import Isolated, ProcessDied
from edgeward.types import Fingerprint, Signal

_WORKER = "edgeward.hashing.hashers.worker"
_MAX_FRAME = 10**6
_MAX_NUMBER = 1 << 40
_MAX_FRAME_ANSWER = 64 * 1024
"""Bytes for the signals of one frame, in all views."""
_IN_THREAD = 128 * 1024
"""Answers of more bytes are read in a thread: the event loop has other clients."""
_HEX = re.compile(r"[0-9a-f]*")
_MEDIA_TYPE = re.compile(r"(image/[a-z0-9.+-]+|text/(html|css|xml))?")


class Hasher(Isolated):
    """A process that hashes one image at a time. Whatever raises ProcessDied leaves it fit only for `close`."""

    _types: tuple[str, ...] = ()

    @classmethod
    async def start(cls, settings: HashingSettings) -> Self:
        """A hasher that is ready. ProcessDied if it does not get so in time."""
        hasher = await cls.launch(_WORKER, settings.model_dump_json())
        hasher._types = settings.signals
        hasher.max_answer = max(hasher.max_answer, settings.max_frames * _MAX_FRAME_ANSWER)
        return hasher

    async def begin(self, body: bytes, request: HashRequest) -> None:
        """Hand over an image. ProcessDied: it never looked at it, so another hasher may safely."""
        await self.ask(request.to_json().encode(), body)

    async def answer(self) -> Fingerprint:
        """What it made of the image. ProcessDied: this image may have killed it."""
        payload = await self.receive()
        if len(payload) <= _IN_THREAD:
            return read_answer(payload, self._types)
        return await asyncio.to_thread(read_answer, payload, self._types)


def read_answer(payload: bytes, types: tuple[str, ...]) -> Fingerprint:
    """The fingerprint that a hasher sent. ProcessDied unless it is well formed and holds none but `types`."""
    try:
        found = Fingerprint.from_json(payload)
        sound = _is_sound(found, types)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ProcessDied("its answer is malformed")
    return found


def _is_sound(found: Fingerprint, types: tuple[str, ...]) -> bool:
    numbers = (found.size, found.width, found.height)
    return (
        _is_hex(found.sha256, known()["sha256"].bits)
        and _MEDIA_TYPE.fullmatch(found.media_type) is not None
        and all(type(number) is int and 0 <= number < _MAX_NUMBER for number in numbers)
        and all(signal.type in types and _is_sound_signal(signal) for signal in found.signals)
    )


def _is_sound_signal(signal: Signal) -> bool:
    quality = signal.quality
    return (
        _is_hex(signal.value, known()[signal.type].bits)
        and (quality is None or (type(quality) is int and 0 <= quality <= 100))
        and type(signal.frame) is int
        and 0 <= signal.frame < _MAX_FRAME
    )


def _is_hex(value: str, bits: int) -> bool:
    return len(value) * 4 == bits and _HEX.fullmatch(value) is not None
