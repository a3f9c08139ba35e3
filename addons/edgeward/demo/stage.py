"""Origin, cache and Edgeward, wired in one placement on free ports, all of them real."""

from contextlib import ExitStack
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
}
"""What differs from the defaults: fewer processes, and a short wait for a cache that is away."""


class Stage:
    """The whole of it. front: client -> edge -> cache -> origin; fill: client -> cache -> edge -> origin."""

    def __init__(
        self,
        directory: Path,
        placement: Placement = "front",
        cache: type[CacheServer] = Varnish,
        settings: Settings | None = None,
    ) -> None:
        self.directory = directory
        self.placement = placement
        self.origin = Origin()
        self._listen = free_address()
        backend = self.origin.address if placement == "front" else self._listen
        host, _, port = backend.rpartition(":")
        self.cache = cache(directory / cache.driver, (host, int(port)))
        self.edge = Edge(directory / "edge", self._settings(settings or {}))
        self._parts = ExitStack()

    def _settings(self, more: Settings) -> Settings:
        upstream = self.cache.url if self.placement == "front" else f"http://{self.origin.address}"
        own: Settings = {
            "proxy": {
                "listen": self._listen,
                "upstream": upstream,
                "placement": self.placement,
                "workers": 2,
            },
            "caches": [
                {
                    "name": self.cache.driver,
                    "driver": self.cache.driver,
                    "url": self.cache.purge_url,
                    "timeout_ms": 500,
                }
            ],
        }
        return merged(merged(QUICK, own), more)

    def start(self) -> None:
        """Start all parts.

        Raises:
            EdgewardError: one of them does not start; what had started is stopped.
        """
        with ExitStack() as parts:
            for part in (self.origin, self.cache, self.edge):
                parts.enter_context(part)
            self._parts = parts.pop_all()

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
        return self._listen if self.placement == "front" else self.cache_address

    @property
    def cache_address(self) -> str:
        return self.cache.url.removeprefix("http://")

    def serve(self, photo: Photo) -> None:
        """Put a photograph up at the origin."""
        self.origin.put(photo.path, photo.body, photo.media_type)

    def get(self, path: str, **headers: str) -> Answer:
        """What a client gets; header names are written with underscores."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.door, path, headers=fields)

    def held(self, path: str, **headers: str) -> bool:
        """Whether the cache holds a picture under that path, asked directly and without filling it."""
        fields = {"Cache-Control": "only-if-cached", PROBE: "1", **headers}
        return ask(self.cache_address, path, headers=fields).status == 200
