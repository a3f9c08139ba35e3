"""imagehash.crop_resistant_hash on the same pictures: it cuts a picture into segments and hashes each."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass

import imagehash
from PIL import Image


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """Its result for a picture.

    Attributes:
        found: it matches its own photograph.
        wrong: number of other photographs that it matches; unrelated images are not tried.
        seconds: CPU time of decoding and hashing.
        segments: number of hashes of the picture.
    """

    found: bool
    wrong: int
    seconds: float
    segments: int


class ImagehashBaseline:
    """Photographs by name, each with its crop-resistant hash. Matching is the library's own, with its defaults."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._hashes = {name: _hash(body) for name, body in bodies.items()}

    def detection(self, body: bytes, own: str) -> BaselineResult:
        began = time.process_time()
        made = _hash(body)
        seconds = time.process_time() - began
        matched = {name for name, listed in self._hashes.items() if made.matches(listed)}
        return BaselineResult(own in matched, len(matched - {own}), seconds, len(made.segment_hashes))


def _hash(body: bytes) -> imagehash.ImageMultiHash:
    with Image.open(io.BytesIO(body)) as image:
        return imagehash.crop_resistant_hash(image.convert("RGB"))
