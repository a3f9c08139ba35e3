"""One hostile response: a seed image, mutated, with a declared type and codings. Seed and number decide all."""

import gzip
import random
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
from tests.fuzz.mutators import PLAIN, spliced
from tests.fuzz.seed_images import seeds
from tests.fuzz.structured import STRUCTURED

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_TYPES = (None, "text/html", "text/plain", "text/css", "image/svg+xml", "image/png", "image/jpeg", "video/mp4", "\xff")
_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": zstd.compress,
}
_BOMB = bytes(40 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Case:
    """What the origin answers. `description`: how it was made."""

    number: int
    body: bytes
    content_type: str | None
    codings: str
    description: str

    @property
    def path(self) -> str:
        return f"/{self.number}"


def case(seed: int, number: int) -> Case:
    """Always the same one for the same seed and number."""
    choices = random.Random(f"{seed} {number}")
    origin = choices.choice(seeds())
    body, content_type, description = origin.body, origin.media_type, [origin.name]
    for _ in range(choices.choice((1, 1, 1, 2, 2, 3, 5))):
        body, how = _mutated(body, choices)
        description.append(how)
    declared = content_type if choices.random() < 0.7 else choices.choice(_TYPES)
    body, codings = _coded(body, choices) if choices.random() < 0.15 else (body, "")
    return Case(number, body, declared, codings, f"{', '.join(description)}; as {declared}; coded {codings or 'not'}")


def _mutated(body: bytes, choices: random.Random) -> tuple[bytes, str]:
    if choices.random() < 0.1:
        other = choices.choice(seeds())
        return spliced(body, other.body, choices), f"spliced with {other.name}"
    mutator = choices.choice(STRUCTURED if choices.random() < 0.5 else PLAIN)
    return mutator(body, choices), mutator.__name__


def _coded(body: bytes, choices: random.Random) -> tuple[bytes, str]:
    """Coded bytes and a Content-Encoding that is true, false, or has corrupt bytes below it."""
    names = choices.choices(tuple(_CODINGS), k=choices.choice((1, 1, 1, 2, 3, 5)))
    kind = choices.random()
    if kind < 0.02:
        body, names = body + _BOMB, names[:1]
    if kind < 0.8:
        for name in names:
            body = _CODINGS[name](body)
    if 0.4 < kind < 0.7:
        body = choices.choice(PLAIN)(body, choices)
    if kind > 0.9:
        names.append(choices.choice(("compress", "identity", "x-gzip", "\xff", "gzip")))
    return body, ", ".join(names)
