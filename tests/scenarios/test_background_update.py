"""nginx that sends a stale copy and fetches another in the background, which no client sees: a listing meanwhile."""

import socket
import time
from collections.abc import Iterator

import pytest
from tests.scenarios.pictures import picture
from tests.support.eventually import until
from tests.support.programs import require
from tests.unknown_copies.site import LIST, Site

from edgeward.demo.caches import Nginx
from edgeward.demo.origin import Origin

FETCH_SECONDS = 1.5
"""How long the fetch in the background takes: longer than the listing."""


class UpdatingNginx(Nginx):
    """The shipped configuration, with background updates."""

    def _command(self) -> list[str]:
        command = super()._command()
        with (self.directory / "edgeward-location.conf").open("a") as location:
            location.write("proxy_cache_background_update on;\nproxy_cache_use_stale updating;\n")
        return command

    def stores(self, body: bytes) -> bool:
        """Whether a file of the cache holds it."""
        files = (self.directory / "edgeward-cache").rglob("*")
        return any(body in file.read_bytes() for file in files if file.is_file())


def get(address: tuple[str, int], path: str) -> bytes:
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: photos.example\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture(scope="module", params=["front", "fill"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[Site]:
    require("nginx")
    port = int(origin.address.rpartition(":")[2])
    with Site(tmp_path_factory.mktemp("site"), request.param, UpdatingNginx, port) as site:
        yield site


@pytest.mark.parametrize("replaced", [False, True], ids=["the stale image", "the image that replaces it"])
def test_a_background_update_brings_no_listed_image_back(site: Site, origin: Origin, replaced: bool) -> None:
    """Neither that of the stale copy, fetched again, nor another that nobody has seen: what is said to be gone stays
    gone when the fetch has ended."""
    assert isinstance(site.cache, UpdatingNginx)
    # Images and a path that no other test has listed or asked for.
    stale, other, path = picture(2 * replaced), picture(2 * replaced + 1), f"/updated-{replaced}.png"
    listed = other if replaced else stale
    origin.put(path, stale, "image/png", max_age=1)
    assert stale in get(site.client_address, path)
    assert site.cache.stores(stale)
    fetched = origin.count(path)
    origin.put(path, listed, "image/png", max_age=600, thought=FETCH_SECONDS)
    until(lambda: b"X-Cache: STALE" in get(site.client_address, path), "a stale response", pause=0.3)
    began = time.monotonic()

    def is_gone() -> bool:
        # On a machine that stands still the stale response may not be judged in time: then that is not known yet.
        return bool(site.edge.add_image(LIST, listed, wait=True)["purge"]["state"] == "gone")

    until(is_gone, "it is said to be gone")
    until(lambda: origin.count(path) > fetched and time.monotonic() - began > FETCH_SECONDS, "the fetch has ended")
    # A repeat of the purge may have to remove what arrives at this moment.
    until(lambda: not site.cache.stores(listed), "the copy is gone")
    assert listed not in get(site.client_address, path)
    assert not site.cache.stores(listed)
