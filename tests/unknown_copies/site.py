"""Edgeward and one real cache, in one placement, in front of the origin of the sequences."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from edgeward.demo.caches import SERVERS, CacheServer
from edgeward.demo.edge import Edge, free_address

CACHES = SERVERS
LIST = "removed"


class Site:
    """`placement`: "front" (client, Edgeward, cache, origin) or "fill" (client, cache, Edgeward, origin)."""

    def __init__(self, directory: Path, placement: str, kind: type[CacheServer], origin_port: int) -> None:
        self.name = f"{kind.driver}, {placement}"
        self._listen = free_address()
        host, _, port = self._listen.rpartition(":")
        front = placement == "front"
        self.cache = kind(directory / kind.driver, ("127.0.0.1", origin_port) if front else (host, int(port)))
        self.client_address = (host, int(port)) if front else self.cache.address
        upstream = self.cache.url if front else f"http://127.0.0.1:{origin_port}"
        settings = {
            "proxy": {"listen": self._listen, "upstream": upstream, "placement": placement, "workers": 1},
            "hashing": {"processes": 1},
            "store": {"timeout_ms": 10_000},
            "sweep": {"enabled": False},
            "guard": {"enabled": False},  # it lists much of what few requests have seen
            "purge": {"check_keys_seconds": 0},
            "caches": [{**self.cache.section("cache"), "timeout_ms": 5_000}],
        }
        self.edge = Edge(directory / "edge", settings)
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.enter_context(self.cache)
            parts.enter_context(self.edge)
            self.edge.create_list(LIST)
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
