"""The pictures that the origin serves: drawn, each under several forms of its URL."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.scenarios.pictures import picture

from edgeward.demo.http_client import HOST
from edgeward.demo.origin import Origin
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import HashingSettings

SIZE = (200, 150)
HOSTS = (HOST, HOST.upper(), f"{HOST}:80")
QUERIES = ("", "?w=200", "?w=200&h=%31%30%30", "?from=%E2%82%AC")
ACCEPTS = ("image/avif,image/webp,*/*", "image/webp,*/*", "*/*")
VARY_EVERY = 3
"""Every third picture varies by Accept."""
FORMS_PER_PICTURE = 4
ODD_HOSTS = (f"{HOST}.", f"{HOST}..", f"{HOST.upper()}:080", f"{HOST}:8080", "ph\xf6tos.example", "photos example", "")
"""Hosts that no browser sends, some of which no purge can carry."""
LONG_QUERIES = (1500, 6000)
"""Bytes of the query in a long URL."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of a request for a picture."""

    host: str
    target: str
    accept: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Host": self.host, "Accept": self.accept}


@dataclass(frozen=True, slots=True)
class Picture:
    """`paths`: where the origin serves it, in the form in which they come in a request.

    `odd_hosts` and `long_queries` are more variants, requested rarely. Those of `variants` are always answered.
    """

    number: int
    body: bytes
    sha256: str
    pdq: str
    paths: tuple[str, ...]
    variants: tuple[Variant, ...]
    odd_hosts: tuple[Variant, ...] = ()
    long_queries: tuple[Variant, ...] = ()

    @property
    def signals(self) -> tuple[str, str]:
        return f"sha256:{self.sha256}", f"pdq:{self.pdq}"

    @property
    def directory(self) -> str:
        """The URL of its directory."""
        return f"http://{HOST}{self.paths[0].rpartition('/')[0]}/"

    @property
    def url(self) -> str:
        return f"http://{HOST}{self.paths[0]}"

    def varies(self) -> bool:
        return self.number % VARY_EVERY == 0


def drawn(number: int, choices: random.Random) -> Picture:
    """A picture with the variants under which it is requested."""
    body = picture(number, size=SIZE)
    found = fingerprint(body, HashingSettings())
    pdq = next(signal.value for signal in found.signals if signal.type == "pdq")
    folder = f"/gallery/{number % 40}"
    paths = (f"{folder}/photo-{number}.jpg", f"{folder}/photo%2D{number}.jpg", f"{folder}/%70hoto-{number}.jpg")
    accepts = ACCEPTS if number % VARY_EVERY == 0 else ACCEPTS[:1]
    forms = [(choices.choice(HOSTS), choices.choice(paths) + choices.choice(QUERIES)) for _ in range(FORMS_PER_PICTURE)]
    variants = {Variant(host, target, accept) for host, target in forms for accept in accepts}
    odd = tuple(Variant(host, paths[0], accepts[0]) for host in ODD_HOSTS)
    queries = (f"?q={number}-{'x' * length}" for length in LONG_QUERIES)
    long = tuple(Variant(HOST, paths[0] + query, accepts[0]) for query in queries)
    return Picture(number, body, found.sha256, pdq, paths, tuple(sorted(variants, key=repr)), odd, long)


def serve(origin: Origin, pictures: Sequence[Picture]) -> None:
    """Serve all of them from the origin."""
    for each in pictures:
        headers = [("Vary", "Accept")] if each.varies() else []
        for path in each.paths:
            origin.put(path, each.body, headers=headers)
