"""Ways to spoil bytes of whatever format. Each takes bytes and makes others, by the choices it is given."""

import random
from collections.abc import Callable
from typing import Literal

MOST_BYTES = 1024 * 1024
"""Nothing grows beyond: what is slow for its length alone finds nothing."""
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000, 65_537)
_SIZES = (1, 2, 4, 4, 8)

_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")

type Mutator = Callable[[bytes, random.Random], bytes]


def bits(body: bytes, choices: random.Random) -> bytes:
    """A few bits are flipped."""
    spoilt = bytearray(body)
    for _ in range(choices.randint(1, 12)):
        if spoilt:
            spoilt[choices.randrange(len(spoilt))] ^= 1 << choices.randrange(8)
    return bytes(spoilt)


def head(body: bytes, choices: random.Random) -> bytes:
    """A bit flip or a number among the first bytes, where headers are."""
    end = min(len(body), choices.choice((16, 32, 64, 200)))
    spoil = choices.choice((bits, number))
    return spoil(body[:end], choices) + body[end:]


def noise(body: bytes, choices: random.Random) -> bytes:
    """A run of bytes becomes noise, or one byte again and again."""
    start, end = _run(body, choices)
    what = choices.randbytes(end - start) if choices.random() < 0.5 else choices.randbytes(1) * (end - start)
    return body[:start] + what + body[end:]


def number(body: bytes, choices: random.Random) -> bytes:
    """A number somewhere is an extreme one, or hardly differs."""
    size = choices.choice(_SIZES)
    if len(body) < size:
        return body
    at = choices.randrange(len(body) - size + 1)
    order = choices.choice(_ORDERS)
    present = int.from_bytes(body[at : at + size], order)
    value = extreme(choices) if choices.random() < 0.7 else present + choices.choice((-1, 1, 2, 256))
    spoilt: int = value % 256**size
    return body[:at] + spoilt.to_bytes(size, order) + body[at + size :]


def extreme(choices: random.Random) -> int:
    return choices.choice(_EXTREMES)


def cut(body: bytes, choices: random.Random) -> bytes:
    """It ends early."""
    return body[: choices.randrange(len(body) + 1)]


def without(body: bytes, choices: random.Random) -> bytes:
    """A run is missing."""
    start, end = _run(body, choices)
    return body[:start] + body[end:]


def twice(body: bytes, choices: random.Random) -> bytes:
    """A run is there twice, or very often."""
    start, end = _run(body, choices)
    times = choices.choice((2, 2, 3, 50))
    return (body[:start] + body[start:end] * times + body[end:])[:MOST_BYTES]


def moved(body: bytes, choices: random.Random) -> bytes:
    """A run is somewhere else."""
    start, end = _run(body, choices)
    rest = body[:start] + body[end:]
    at = choices.randrange(len(rest) + 1)
    return rest[:at] + body[start:end] + rest[at:]


def longer(body: bytes, choices: random.Random) -> bytes:
    """Something follows."""
    more = choices.choice((bytes(5000), b"<script>alert(1)</script>", choices.randbytes(300), body))
    return (body + more)[:MOST_BYTES]


PLAIN: tuple[Mutator, ...] = (bits, head, noise, number, cut, without, twice, moved, longer)


def spliced(body: bytes, other: bytes, choices: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    start, end = choices.randrange(len(body) + 1), choices.randrange(len(other) + 1)
    return (body[:start] + other[end:])[:MOST_BYTES]


def _run(body: bytes, choices: random.Random) -> tuple[int, int]:
    longest = min(len(body), choices.choice((4, 16, 256, 4096)))
    start = choices.randrange(len(body) + 1)
    return start, min(len(body), start + choices.randint(0, longest))
