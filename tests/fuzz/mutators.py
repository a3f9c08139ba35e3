"""Mutators for bytes of any format. Each returns changed bytes, decided by the random choices given to it."""

import random
from collections.abc import Callable
from typing import Literal

MAX_BYTES = 1024 * 1024
"""Maximum size of a mutated file: one that is slow only because of its length shows nothing."""
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000, 65_537)
_SIZES = (1, 2, 4, 4, 8)

_ORDERS: tuple[Literal["big", "little"], ...] = ("big", "little")

type Mutator = Callable[[bytes, random.Random], bytes]


def bits(body: bytes, choices: random.Random) -> bytes:
    """Flip a few bits."""
    mutated = bytearray(body)
    for _ in range(choices.randint(1, 12)):
        if mutated:
            mutated[choices.randrange(len(mutated))] ^= 1 << choices.randrange(8)
    return bytes(mutated)


def header(body: bytes, choices: random.Random) -> bytes:
    """Flip bits or change a number among the first bytes, where headers are."""
    end = min(len(body), choices.choice((16, 32, 64, 200)))
    mutate = choices.choice((bits, number))
    return mutate(body[:end], choices) + body[end:]


def noise(body: bytes, choices: random.Random) -> bytes:
    """Replace a run of bytes by noise, or by one repeated byte."""
    start, end = _random_run(body, choices)
    what = choices.randbytes(end - start) if choices.random() < 0.5 else choices.randbytes(1) * (end - start)
    return body[:start] + what + body[end:]


def number(body: bytes, choices: random.Random) -> bytes:
    """Replace a number by an extreme one, or change it a little."""
    size = choices.choice(_SIZES)
    if len(body) < size:
        return body
    at = choices.randrange(len(body) - size + 1)
    order = choices.choice(_ORDERS)
    present = int.from_bytes(body[at : at + size], order)
    value = extreme(choices) if choices.random() < 0.7 else present + choices.choice((-1, 1, 2, 256))
    mutated: int = value % 256**size
    return body[:at] + mutated.to_bytes(size, order) + body[at + size :]


def extreme(choices: random.Random) -> int:
    return choices.choice(_EXTREMES)


def truncated(body: bytes, choices: random.Random) -> bytes:
    """Cut off the end."""
    return body[: choices.randrange(len(body) + 1)]


def run_removed(body: bytes, choices: random.Random) -> bytes:
    """Remove a run of bytes."""
    start, end = _random_run(body, choices)
    return body[:start] + body[end:]


def run_repeated(body: bytes, choices: random.Random) -> bytes:
    """Repeat a run of bytes."""
    start, end = _random_run(body, choices)
    times = choices.choice((2, 2, 3, 50))
    return (body[:start] + body[start:end] * times + body[end:])[:MAX_BYTES]


def run_moved(body: bytes, choices: random.Random) -> bytes:
    """Move a run of bytes."""
    start, end = _random_run(body, choices)
    rest = body[:start] + body[end:]
    at = choices.randrange(len(rest) + 1)
    return rest[:at] + body[start:end] + rest[at:]


def extended(body: bytes, choices: random.Random) -> bytes:
    """Append something."""
    more = choices.choice((bytes(5000), b"<script>alert(1)</script>", choices.randbytes(300), body))
    return (body + more)[:MAX_BYTES]


PLAIN: tuple[Mutator, ...] = (bits, header, noise, number, truncated, run_removed, run_repeated, run_moved, extended)


def spliced(body: bytes, other: bytes, choices: random.Random) -> bytes:
    """Join the beginning of one file and the end of another."""
    start, end = choices.randrange(len(body) + 1), choices.randrange(len(other) + 1)
    return (body[:start] + other[end:])[:MAX_BYTES]


def _random_run(body: bytes, choices: random.Random) -> tuple[int, int]:
    longest = min(len(body), choices.choice((4, 16, 256, 4096)))
    start = choices.randrange(len(body) + 1)
    return start, min(len(body), start + choices.randint(0, longest))
