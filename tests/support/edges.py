"""A controller with two caches: a real Varnish in front of a real origin, and one that is down."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.controllers import Api, RunningController, settings
from tests.support.programs import free_port, require

from edgeward.demo.caches import Varnish
from edgeward.demo.origin import Origin, Resource
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Sighting, Target

HOST = "photos.example"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOKS = (
    {"name": "gallery", "secret": SECRET, "hosts": [HOST], "lists": ["gallery-removed"]},
    {"name": "everyone", "secret": "a secret that is plain text", "hosts": ["*"]},
)


@dataclass(frozen=True)
class Edge:
    """A controller with caches "edge" (up) and "dead" (down). `origin` is behind "edge"."""

    api: Api
    config: Config
    origin: Origin
    varnish: Varnish

    def serve(self, path: str, body: bytes) -> str:
        """Put an image at the origin and into the cache. Returns its URL."""
        self.origin.resources[path] = Resource(body)
        assert self._get(path) == 200
        assert self.holds(path)
        return f"http://{HOST}{path}"

    def holds(self, path: str) -> bool:
        """Whether the cache has a copy. The request makes none (RFC 9111, section 5.2.1.7)."""
        return self._get(path, {"Cache-Control": "only-if-cached"}) == 200

    def see(self, path: str, body: bytes, vary: tuple[tuple[str, str], ...] = (), host: str = HOST) -> None:
        """Write the sighting that a proxy would have written when it served the image."""
        target = Target("http", host, path, vary, len(body))
        seen = Sighting(target, fingerprint(body, self.config.hashing), time.time(), 0)
        with_store(self.config, lambda store: Sightings(store, self.config.sightings).write([seen]))

    def _get(self, path: str, headers: dict[str, str] | None = None) -> int:
        request = urllib.request.Request(self.varnish.url + path, headers={"Host": HOST, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                response.read()
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def running_edge(redis_url: str, directory: Path) -> Iterator[Edge]:
    require("varnishd")
    with Origin() as origin:
        host, _, port = origin.address.rpartition(":")
        with Varnish(directory / "varnish", (host, int(port))) as varnish:
            caches = [
                {"name": "edge", "driver": "varnish", "url": varnish.purge_url, "timeout_ms": 20_000},
                {"name": "dead", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"},
            ]
            config = settings(
                redis_url, directory / "state", caches=caches, webhooks=WEBHOOKS, purge={"check_keys_seconds": 0}
            )
            with RunningController(config) as running:
                yield Edge(running.api, config, origin, varnish)


def with_store[T](config: Config, use: Callable[[Store], Awaitable[T]]) -> T:
    """Call `use` with a connection to the store of `config`. Returns its result."""

    async def run() -> T:
        store = await Store.connect(config.store_url, config.store.namespace, timeout_ms=config.store.timeout_ms)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())
