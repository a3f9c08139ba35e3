"""Origin, caches and Edgeward, all real, connected in one placement on free ports."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Literal, Self

from edgeward.demo.caches import CacheServer, Varnish
from edgeward.demo.edge import Edge, Settings, free_address, merged_settings
from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.origin import PROBE, Origin
from edgeward.demo.photos import Photo

type Placement = Literal["front", "fill"]

DEMO_SETTINGS: Settings = {
    "hashing": {"processes": 1},
    "purge": {"backoff_max_seconds": 0.5},
    "store": {"timeout_ms": 10_000},
}
"""What differs from the defaults: fewer hashers, quick retries at a cache that is down, and a long timeout for the
store, which shares the machine with everything else."""
PURGE_TIMEOUT_MS = 500


class Stack:
    """All parts together. front: client -> edge -> cache -> origin. fill: client -> cache -> edge -> origin.

    Args:
        beside: more caches of the first tier, next to `cache` and with the same upstream. Clients use `cache`; a test
            sends requests to the others itself.
        outer: the type of the second tier. Each cache gets one of these between it and its clients.

    Attributes:
        cache: the first cache of the first tier.
        inner, outer: the caches of each tier by their names in the settings: "DRIVER" and "DRIVER-outer".
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
        """Edgeward's settings for this stack. `more` overrides them."""
        tiers = enumerate((self.inner, self.outer))
        own: Settings = {
            "proxy": {
                "listen": self._listen,
                "upstream": self._first_cache.url if self.placement == "front" else f"http://{self.origin.address}",
                "placement": self.placement,
                "workers": 2,
            },
            "caches": [
                {**node.section(name), "tier": tier, "timeout_ms": PURGE_TIMEOUT_MS}
                for tier, nodes in tiers
                for name, node in nodes.items()
            ],
        }
        return merged_settings(merged_settings(DEMO_SETTINGS, own), more or {})

    @property
    def _first_cache(self) -> CacheServer:
        """The cache nearest to the clients."""
        return next(iter((self.outer or self.inner).values()))

    def start(self) -> None:
        """Start all parts.

        Raises:
            EdgewardError: a part does not start. Those that had started are stopped.
        """
        with ExitStack() as parts:
            for part in self._in_start_order:
                parts.enter_context(part)
            self._parts = parts.pop_all()

    @property
    def _in_start_order(self) -> list[AbstractContextManager[object]]:
        """All parts, each after those that it sends requests to."""
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
    def client_address(self) -> str:
        """HOST:PORT that clients send requests to: Edgeward (front) or the nearest cache (fill)."""
        return self._listen if self.placement == "front" else host_port_of(self._first_cache)

    @property
    def cache_address(self) -> str:
        return host_port_of(self.cache)

    def serve(self, photo: Photo) -> None:
        """Put a photograph on the origin."""
        self.origin.put(photo.path, photo.body, photo.media_type)

    def get(self, path: str, at: CacheServer | None = None, **headers: str) -> HttpResponse:
        """What a client gets, or what the cache `at` answers. Header names are written with underscores."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(host_port_of(at) if at else self.client_address, path, headers=fields)

    def held(self, path: str, at: CacheServer | None = None, **headers: str) -> bool:
        """Whether `cache` (or the cache `at`) holds a copy under that path. It is asked directly and not filled."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {"Cache-Control": "only-if-cached", PROBE: "1", **fields}
        return ask(host_port_of(at or self.cache), path, headers=fields).status == 200


def host_port_of(cache: CacheServer) -> str:
    """HOST:PORT of a cache, for clients."""
    host, port = cache.address
    return f"{host}:{port}"
