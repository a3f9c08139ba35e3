"""Origin, caches and Edgeward, wired in one placement on free ports, all of them real."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Literal, Self

from edgeward.demo.answer import Answer, ask
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.demo.edge import Edge, Settings, free_address, merged
from edgeward.demo.origin import PROBE, Origin
from edgeward.demo.photos import Photo

type Placement = Literal["front", "fill"]

QUICK: Settings = {
    "hashing": {"processes": 1},
    "purge": {"backoff_max_seconds": 0.5},
    "store": {"timeout_ms": 10_000},
}
"""What differs from the defaults: fewer processes, a short wait for a cache that is away, a long one for the store,
which shares one machine with all the rest."""
TIMEOUT_MS = 500


class Stage:
    """The whole of it. front: client -> edge -> cache -> origin; fill: client -> cache -> edge -> origin.

    Args:
        beside: more caches with the same behind them. Who wants one of them asks it by itself.
        outer: each cache has one of these before it, as a second tier.

    Attributes:
        cache: the one that the others stand beside.
        inner, outer: the caches of each tier by their names in the settings: the driver's, and that with "-outer".
    """

    def __init__(
        self,
        directory: Path,
        placement: Placement = "front",
        cache: type[CacheServer] = Varnish,
        settings: Settings | None = None,
        *,
        beside: Sequence[type[CacheServer]] = (),
        outer: type[CacheServer] | None = None,
    ) -> None:
        self.directory = directory
        self.placement = placement
        self.origin = Origin()
        self._listen = free_address()
        host, _, port = (self.origin.address if placement == "front" else self._listen).rpartition(":")
        self.inner: dict[str, CacheServer] = {}
        for kind in (cache, *beside):
            name = f"{kind.driver}-2" if kind.driver in self.inner else kind.driver
            self.inner[name] = kind(directory / name, (host, int(port)))
        self.cache = self.inner[cache.driver]
        behind = {f"{name}-outer": node.address for name, node in self.inner.items()}
        self.outer = {name: outer(directory / name, address) for name, address in behind.items()} if outer else {}
        self.edge = Edge(directory / "edge", self.settings(settings))
        self._parts = ExitStack()

    def settings(self, more: Settings | None = None) -> Settings:
        """Edgeward's settings for this stage, with `more` over them."""
        tiers = enumerate((self.inner, self.outer))
        own: Settings = {
            "proxy": {
                "listen": self._listen,
                "upstream": self._asked.url if self.placement == "front" else f"http://{self.origin.address}",
                "placement": self.placement,
                "workers": 2,
            },
            "caches": [
                {**node.section(name), "tier": tier, "timeout_ms": TIMEOUT_MS}
                for tier, nodes in tiers
                for name, node in nodes.items()
            ],
        }
        return merged(merged(QUICK, own), more or {})

    @property
    def _asked(self) -> CacheServer:
        """The cache that is asked first."""
        return next(iter((self.outer or self.inner).values()))

    def start(self) -> None:
        """Start all parts.

        Raises:
            EdgewardError: one of them does not start; what had started is stopped.
        """
        with ExitStack() as parts:
            for part in self._from_the_origin_on:
                parts.enter_context(part)
            self._parts = parts.pop_all()

    @property
    def _from_the_origin_on(self) -> list[AbstractContextManager[object]]:
        """All parts: each comes after those that it asks."""
        caches = [*self.inner.values(), *self.outer.values()]
        return [self.origin, *caches, self.edge] if self.placement == "front" else [self.origin, self.edge, *caches]

    def stop(self) -> None:
        self._parts.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def door(self) -> str:
        """The address that clients come to."""
        return self._listen if self.placement == "front" else address_of(self._asked)

    @property
    def cache_address(self) -> str:
        return address_of(self.cache)

    def serve(self, photo: Photo) -> None:
        """Put a photograph up at the origin."""
        self.origin.put(photo.path, photo.body, photo.media_type)

    def get(self, path: str, at: CacheServer | None = None, **headers: str) -> Answer:
        """What a client gets, or who asks a node itself (`at`); header names are written with underscores."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(address_of(at) if at else self.door, path, headers=fields)

    def held(self, path: str, at: CacheServer | None = None, **headers: str) -> bool:
        """Whether the cache (`at`: another node) holds a picture under that path, asked directly and without
        filling it."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {"Cache-Control": "only-if-cached", PROBE: "1", **fields}
        return ask(address_of(at or self.cache), path, headers=fields).status == 200


def address_of(cache: CacheServer) -> str:
    """HOST:PORT at which a cache serves."""
    host, port = cache.address
    return f"{host}:{port}"
