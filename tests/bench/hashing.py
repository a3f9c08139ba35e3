"""CPU time for one new image: PDQ alone, and all that is computed for a JPEG in transit."""

import hashlib
import io
from collections.abc import Callable

import imagehash
import numpy as np
import pdqhash
from PIL import Image
from tests.bench.measurement import Budget, Effort, Row, Section, cpu_seconds, interleaved, milliseconds, ratio
from tests.bench.pictures import photograph

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.perceptual.pdq import pdq
from edgeward.settings.config import HashingSettings

SIZES = ((256, 256), (800, 800), (4000, 3000))
WHOLE = {(800, 800): Budget("<=", 1 / 4), (4000, 3000): Budget("<=", 1 / 20)}
PDQ_BITS = Budget("<=", 0)


def measure(effort: Effort) -> Section:
    """CPU time on the same photograph, Edgeward and the reference libraries in turn, one thread each."""
    rows = [row for size in SIZES for row in _pdq(size, effort)]
    rows += [_whole(size, budget, effort) for size, budget in WHOLE.items()]
    how = (
        "CPU time of one image, medians of alternating rounds, one thread each. PDQ: of the decoded RGB "
        "picture, against `pdqhash.compute`. New JPEG: `edgeward.hashing.fingerprint` as in transit (three digests, "
        "decoding, PDQ, phash, dhash), against Pillow's full decoding, hashlib, pdqhash and imagehash."
    )
    return Section("A new image", how, rows)


def _pdq(size: tuple[int, int], effort: Effort) -> list[Row]:
    picture = _decoded(photograph(*size))
    pixels = np.asarray(picture)
    ours, theirs = _turns(lambda: pdq(picture), lambda: pdqhash.compute(pixels), effort)
    name = f"{size[0]}x{size[1]}"
    cost = Row(f"PDQ, {name}", milliseconds(ours), milliseconds(theirs), ratio(ours, theirs), "x")
    bits = _bits_apart(pdq(picture)[0], pdqhash.compute(pixels)[0])
    return [cost, Row(f"PDQ, {name}: bits that differ", "", "", bits, "bits", PDQ_BITS)]


def _whole(size: tuple[int, int], budget: Budget, effort: Effort) -> Row:
    body = photograph(*size)
    settings = HashingSettings()
    ours, theirs = _turns(lambda: fingerprint(body, settings), lambda: reference(body), effort)
    name = f"New JPEG, {size[0]}x{size[1]}, {len(body) // 1000} KB"
    return Row(name, milliseconds(ours), milliseconds(theirs), ratio(ours, theirs), "x", budget)


def reference(body: bytes) -> None:
    """The same signals with the libraries that everybody uses, on the full image."""
    for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        digest(body).hexdigest()
    picture = _decoded(body)
    pdqhash.compute(np.asarray(picture))
    imagehash.phash(picture)
    imagehash.dhash(picture)


def _turns(ours: Callable[[], object], theirs: Callable[[], object], effort: Effort) -> list[list[float]]:
    return interleaved((cpu_seconds(ours), cpu_seconds(theirs)), effort.seconds)


def _decoded(body: bytes) -> Image.Image:
    with Image.open(io.BytesIO(body)) as image:
        return image.convert("RGB")


def _bits_apart(ours: str, theirs: np.ndarray) -> int:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(ours), np.uint8))
    return int((bits != theirs).sum())
