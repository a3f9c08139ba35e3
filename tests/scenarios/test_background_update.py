"""nginx that sends a stale copy and fetches another in the background, which no client sees: a listing meanwhile."""

import socket
import time
from pathlib import Path

import pytest
from tests.scenarios.pictures import picture
from tests.support.eventually import until
from tests.support.programs import require
from tests.unknown_copies.site import LIST, Site

from edgeward.demo.caches import Nginx
from edgeward.demo.origin import Origin, Resource

PATH = "/updated.png"
FETCH_SECONDS = 1.5
"""How long the fetch in the background takes: longer than the listing."""
OLD, NEW = picture(1), picture(2)


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


def get(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: photos.example\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("listed", [OLD, NEW], ids=["the stale image", "the image that replaces it"])
@pytest.mark.parametrize("placement", ["front", "fill"])
def test_a_background_update_brings_no_listed_image_back(tmp_path: Path, placement: str, listed: bytes) -> None:
    """Neither that of the stale copy, fetched again, nor another that nobody has seen: what is said to be gone stays
    gone when the fetch has ended."""
    require("nginx")
    with (
        Origin() as origin,
        Site(tmp_path, placement, UpdatingNginx, int(origin.address.rpartition(":")[2])) as site,
    ):
        assert isinstance(site.cache, UpdatingNginx)
        origin.resources[PATH] = Resource(OLD, "image/png", max_age=1)
        assert OLD in get(site.client_address)
        assert site.cache.stores(OLD)
        fetched = origin.count(PATH)
        origin.resources[PATH] = Resource(listed, "image/png", max_age=600, thought=FETCH_SECONDS)
        until(lambda: b"X-Cache: STALE" in get(site.client_address), "a stale response", pause=0.3)
        began = time.monotonic()
        purge = site.edge.add_image(LIST, listed, wait=True)["purge"]
        assert purge["state"] == "gone"
        until(lambda: origin.count(PATH) > fetched and time.monotonic() - began > FETCH_SECONDS, "the fetch has ended")
        # A repeat of the purge may have to remove what arrives at this moment.
        until(lambda: not site.cache.stores(listed), "the copy is gone")
        assert listed not in get(site.client_address)
        assert not site.cache.stores(listed)
