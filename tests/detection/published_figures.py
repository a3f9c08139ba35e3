"""Thorn's published figures, the only ones of their kind: recall of hashers by transform, for 1,650 photographs.

From docs/examples/benchmarking.rst of thorn-oss/perception, the rows `photographs`. Each row has its own
threshold, chosen on the same pictures for a precision of 99.99 %. PHash there has 256 bits.
"""

from dataclasses import dataclass

SOURCE = "https://github.com/thorn-oss/perception/blob/main/docs/examples/benchmarking.rst"


@dataclass(frozen=True, slots=True)
class Published:
    """`transform`: our row that does the same. Recalls in percent, thresholds in bits of 256."""

    published_name: str
    transform: str
    pdq: float
    pdq_bits: int
    phash: float
    phash_bits: int


PUBLISHED = (
    Published("jpeg95", "JPEG, quality 95", 99.879, 76, 99.879, 72),
    Published("resize0.5", "resized to 50 %", 99.818, 84, 100.0, 60),
    Published("blur2", "blurred, radius 2", 100.0, 78, 100.0, 46),
    Published("noise0.2", "noise, deviation 51", 99.697, 76, 99.818, 78),
    Published("gamma2", "gamma 2.0", 100.0, 54, 100.0, 60),
    Published("vignette", "vignette", 100.0, 30, 100.0, 32),
    Published("watermark", "watermark, a word in a corner", 99.818, 80, 99.758, 80),
    Published("pad0.2", "letterbox, 20 %", 1.455, 72, 3.515, 74),
    Published("crop0.05", "inner 90 %", 30.606, 78, 63.697, 82),
    Published("rotate4", "turned by 4°, corners filled", 73.394, 78, 89.818, 80),
)
