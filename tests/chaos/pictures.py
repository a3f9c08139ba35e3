"""What the site serves: drawn pictures, each under some spellings of its own."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.scenarios.pictures import picture

from edgeward.config import HashingSettings
from edgeward.demo.answer import HOST
from edgeward.demo.origin import Origin
from edgeward.hashing.fingerprint import fingerprint

SIZE = (200, 150)
HOSTS = (HOST, HOST.upper(), f"{HOST}:80")
QUERIES = ("", "?w=200", "?w=200&h=%31%30%30", "?from=%E2%82%AC")
ACCEPTS = ("image/avif,image/webp,*/*", "image/webp,*/*", "*/*")
VARYING = 3
"""One picture in so many varies by Accept."""
SPELLINGS = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask for a picture."""

    host: str
    target: str
    accept: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Host": self.host, "Accept": self.accept}


@dataclass(frozen=True, slots=True)
class Picture:
    """`paths`: where the origin has it, as they come in a request."""

    number: int
    body: bytes
    sha256: str
    pdq: str
    paths: tuple[str, ...]
    variants: tuple[Variant, ...]

    @property
    def signals(self) -> tuple[str, str]:
        return f"sha256:{self.sha256}", f"pdq:{self.pdq}"

    @property
    def directory(self) -> str:
        """Below which URL it lies."""
        return f"http://{HOST}{self.paths[0].rpartition('/')[0]}/"

    @property
    def url(self) -> str:
        return f"http://{HOST}{self.paths[0]}"

    def varies(self) -> bool:
        return self.number % VARYING == 0


def drawn(number: int, choices: random.Random) -> Picture:
    """A picture with its spellings."""
    body = picture(number, size=SIZE)
    found = fingerprint(body, HashingSettings())
    pdq = next(signal.value for signal in found.signals if signal.type == "pdq")
    folder = f"/gallery/{number % 40}"
    paths = (f"{folder}/photo-{number}.jpg", f"{folder}/photo%2D{number}.jpg", f"{folder}/%70hoto-{number}.jpg")
    accepts = ACCEPTS if number % VARYING == 0 else ACCEPTS[:1]
    spelt = [(choices.choice(HOSTS), choices.choice(paths) + choices.choice(QUERIES)) for _ in range(SPELLINGS)]
    variants = {Variant(host, target, accept) for host, target in spelt for accept in accepts}
    return Picture(number, body, found.sha256, pdq, paths, tuple(sorted(variants, key=repr)))


def put_up(origin: Origin, pictures: Sequence[Picture]) -> None:
    """Serve them all."""
    for each in pictures:
        headers = [("Vary", "Accept")] if each.varies() else []
        for path in each.paths:
            origin.put(path, each.body, headers=headers)
