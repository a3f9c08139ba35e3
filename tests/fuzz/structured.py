"""Mutators that keep the structure of a file, so that decoders get past their first checks."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from tests.fuzz.chunks import BOXES, CONTAINERS, DIMENSIONS, Chunk, Field, layout_of
from tests.fuzz.mutators import MAX_BYTES, PLAIN, Mutator, extreme, number

_DEEPER = 0.8
"""How often a box inside a box is mutated, rather than the outer box as a whole."""


def chunk(body: bytes, choices: random.Random) -> bytes:
    """Mutate, remove, repeat or move one chunk, or give it a false length."""
    layout = layout_of(body)
    if layout is None:
        return number(body, choices)
    chunks = layout.split(body)
    return layout.join(_mutated(chunks, choices))[:MAX_BYTES] if chunks else number(body, choices)


def _mutated(chunks: list[Chunk], choices: random.Random) -> list[Chunk]:
    at = choices.randrange(len(chunks))
    inner = CONTAINERS.get(chunks[at].kind)
    if inner is not None and choices.random() < _DEEPER:
        own, boxes = chunks[at].data[:inner], BOXES.split(chunks[at].data[inner:])
        if boxes:
            return _with(chunks, at, replace(chunks[at], data=own + BOXES.join(_mutated(boxes, choices))))
    return choices.choice(_EDITS)(chunks, at, choices)


def _with(chunks: list[Chunk], at: int, *instead: Chunk) -> list[Chunk]:
    return [*chunks[:at], *instead, *chunks[at + 1 :]]


def _data(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    mutate = choices.choice(PLAIN)
    return _with(chunks, at, replace(chunks[at], data=mutate(chunks[at].data, choices)))


def _tail(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    if not chunks[at].tail:
        return _data(chunks, at, choices)
    return _with(chunks, at, replace(chunks[at], tail=choices.choice(PLAIN)(chunks[at].tail, choices)))


def _left_out(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    return _with(chunks, at)


def _repeated(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    return _with(chunks, at, *[chunks[at]] * choices.choice((2, 3, 100)))


def _elsewhere(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    rest = _with(chunks, at)
    rest.insert(choices.randrange(len(rest) + 1), chunks[at])
    return rest


def _false_length(chunks: list[Chunk], at: int, choices: random.Random) -> list[Chunk]:
    length = extreme(choices) if choices.random() < 0.7 else len(chunks[at].data) + choices.choice((-1, 1, 4))
    length %= 2**16 if len(chunks[at].kind) == 1 else 2**32
    return _with(chunks, at, replace(chunks[at], false_length=length))


type _Edit = Callable[[list[Chunk], int, random.Random], list[Chunk]]
_EDITS: tuple[_Edit, ...] = (_data, _data, _tail, _left_out, _repeated, _elsewhere, _false_length)


def dimensions(body: bytes, choices: random.Random) -> bytes:
    """Make a width, height, offset or frame count extreme, with a right checksum."""
    layout = layout_of(body)
    if layout is not None:
        chunks = _with_dimensions(layout.split(body), choices)
        return layout.join(chunks) if chunks else number(body, choices)
    if body.startswith(b"GIF8"):
        return _changed(body, choices.choice((Field(6, 2, "little"), Field(8, 2, "little"))), choices)
    if body.startswith(b"BM"):
        return _changed(body, choices.choice((Field(18, 4, "little"), Field(22, 4, "little"))), choices)
    if entries := _entries(body):
        wanted = [at for at in entries if body[at : at + 2] in _TIFF_DIMENSIONS]
        return _changed(body, Field(choices.choice(wanted or entries) + 8, 4, _order(body)), choices)
    return number(body[:32], choices) + body[32:]


def _with_dimensions(chunks: list[Chunk], choices: random.Random) -> list[Chunk] | None:
    """None: no chunk has any."""
    places = [at for at, each in enumerate(chunks) if each.kind in DIMENSIONS or each.kind in CONTAINERS]
    choices.shuffle(places)
    for at in places:
        kind, data = chunks[at].kind, chunks[at].data
        if kind in DIMENSIONS:
            return _with(
                chunks, at, replace(chunks[at], data=_changed(data, choices.choice(DIMENSIONS[kind]), choices))
            )
        own = CONTAINERS[kind]
        if boxes := _with_dimensions(BOXES.split(data[own:]), choices):
            return _with(chunks, at, replace(chunks[at], data=data[:own] + BOXES.join(boxes)))
    return None


def _changed(data: bytes, field: Field, choices: random.Random) -> bytes:
    value: int = extreme(choices) % 256**field.size
    return data[: field.at] + value.to_bytes(field.size, field.order) + data[field.at + field.size :]


def tiff_entry(body: bytes, choices: random.Random) -> bytes:
    """Change type, count or value of one entry in a TIFF's first directory."""
    entries, order = _entries(body), _order(body)
    if not entries:
        return number(body, choices)
    at = choices.choice(entries)
    fields = (Field(at + 2, 2, order), Field(at + 4, 4, order), Field(at + 8, 4, order))
    return _changed(body, choices.choice(fields), choices)


_TIFF_DIMENSIONS = (b"\0\1", b"\1\0", b"\1\1")
"""Tags 256 and 257 (width, height) in either byte order."""


def _entries(body: bytes) -> list[int]:
    """Positions of the directory entries; none if it is not a TIFF."""
    if body[:4] not in (b"II*\0", b"MM\0*"):
        return []
    directory = int.from_bytes(body[4:8], _order(body))
    count = int.from_bytes(body[directory : directory + 2], _order(body))
    return [at for at in range(directory + 2, directory + 2 + 12 * count, 12) if at + 12 <= len(body)]


def _order(body: bytes) -> Literal["big", "little"]:
    return "little" if body.startswith(b"II") else "big"


STRUCTURED: tuple[Mutator, ...] = (chunk, chunk, chunk, dimensions, tiff_entry)
