"""One hasher as its parent sees it: an isolated process that makes fingerprints. Its answers are not trusted."""

import asyncio
import json
import re
from typing import Self

from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.signal_registry import listable_types
from edgeward.isolation.isolated_process import IsolatedProcess, ProcessDied
from edgeward.settings.config import HashingSettings
from edgeward.types import Fingerprint, Signal

_WORKER = "edgeward.hashing.hashers.worker"
_MAX_FRAMES = 10**6
_MAX_NUMBER = 1 << 40
_ANSWER_BYTES_PER_FRAME = 64 * 1024
"""Enough for the signals of one frame, in all views."""
_MAX_BYTES_IN_LOOP = 128 * 1024
"""Larger answers are parsed in a thread, to keep the event loop free."""
_HEX = re.compile(r"[0-9a-f]*")
_MEDIA_TYPE = re.compile(r"(image/[a-z0-9.+-]+|text/(html|css|xml))?")


class Hasher(IsolatedProcess):
    """A process that hashes one image at a time. After a ProcessDied only `close` may be called."""

    _types: tuple[str, ...] = ()

    @classmethod
    async def start(cls, settings: HashingSettings) -> Self:
        """Start a hasher and wait until it is ready. ProcessDied: it was not ready in time."""
        hasher = await cls.launch(_WORKER, settings.model_dump_json())
        hasher._types = settings.signals
        hasher.cpu_seconds = settings.timeout_ms / 1000
        hasher.max_answer = max(hasher.max_answer, settings.max_frames * _ANSWER_BYTES_PER_FRAME)
        return hasher

    async def begin(self, body: bytes, request: HashRequest) -> None:
        """Send an image. ProcessDied: the hasher never read it, so another may safely try."""
        await self.ask(request.to_json().encode(), body)

    async def answer(self) -> Fingerprint:
        """The fingerprint of the image. ProcessDied: this image may have killed the hasher."""
        payload = await self.receive()
        if len(payload) <= _MAX_BYTES_IN_LOOP:
            return read_answer(payload, self._types)
        return await asyncio.to_thread(read_answer, payload, self._types)


def read_answer(payload: bytes, types: tuple[str, ...]) -> Fingerprint:
    """The fingerprint that a hasher sent. ProcessDied if it is malformed or has signals of other types than `types`."""
    try:
        found = Fingerprint.from_json(payload)
        # What is stored may be of a later release, whose fields are passed over. A hasher is of this one.
        valid = _is_valid(found, types) and json.loads(found.to_json()) == json.loads(payload)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        valid = False
    if not valid:
        raise ProcessDied("its answer is malformed")
    return found


def _is_valid(found: Fingerprint, types: tuple[str, ...]) -> bool:
    numbers = (found.size, found.width, found.height)
    return (
        _is_hex(found.sha256, listable_types()["sha256"].bits)
        and _MEDIA_TYPE.fullmatch(found.media_type) is not None
        and all(type(number) is int and 0 <= number < _MAX_NUMBER for number in numbers)
        and all(signal.type in types and _is_valid_signal(signal) for signal in found.signals)
    )


def _is_valid_signal(signal: Signal) -> bool:
    quality = signal.quality
    return (
        _is_hex(signal.value, listable_types()[signal.type].bits)
        and (quality is None or (type(quality) is int and 0 <= quality <= 100))
        and type(signal.frame) is int
        and 0 <= signal.frame < _MAX_FRAMES
    )


def _is_hex(value: str, bits: int) -> bool:
    return len(value) * 4 == bits and _HEX.fullmatch(value) is not None
