"""Varnish's markers for responses that may not be stored: they are no copies, and hide none."""

from collections.abc import Iterator, Sequence

import pytest
from tests.caches.http_server import http_server, purge, response
from tests.support.programs import require
from tests.support.real_caches import Origin, address_of, cached, fetch, settings, target

from edgeward.caches import driver_for
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.varnish import Varnish as VarnishDriver
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery


class Passing(Varnish):
    """A Varnish that remembers to pass on requests for what may not be stored (hit-for-pass)."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        vcl = self.directory / "default.vcl"
        rule = 'sub vcl_backend_response { if (beresp.http.Cache-Control == "no-store") { return (pass(60s)); } }'
        vcl.write_text(f"{vcl.read_text()}\n{rule}\n")
        return arguments


@pytest.fixture(scope="module")
def passing(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CacheServer]:
    require("varnishd")
    with Passing(tmp_path_factory.mktemp("passing"), address_of(origin)) as cache:
        yield cache


@pytest.mark.parametrize("number_of_markers", [1, 26])
@pytest.mark.usefixtures("short_repeat_pauses")
async def test_a_marker_is_no_copy(number_of_markers: int) -> None:
    """While clients ask for what may not be stored, each purge finds their newest markers: nothing is cached."""
    marked = response(200, f"X-Purged: {number_of_markers}", "X-Purged-Marker: 1")
    async with http_server(lambda head, number: marked) as (url, _):
        purged = await purge(driver_for(parse_cache({"name": "v", "driver": "varnish", "url": url})), target("/p"))
    # Among many objects there may have been copies.
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 0 if number_of_markers == 1 else None)


@pytest.mark.parametrize("server", ["varnish", "passing"])
async def test_clients_that_ask_for_what_may_not_be_stored(server: str, request: pytest.FixtureRequest) -> None:
    """They do not keep a purge from being verified, however often they ask."""
    cache: CacheServer = request.getfixturevalue(server)
    driver = driver_for(settings(cache))
    assert isinstance(driver, VarnishDriver)
    purge_once = driver._purge_once

    async def asked_again(requests: Sequence[RawHttpRequest]) -> object:
        fetch(cache, "/private")
        return await purge_once(requests)

    driver._purge_once = asked_again  # type: ignore[method-assign, assignment]
    purged = await purge(driver, target("/private"))
    assert (purged.delivery, purged.count) == (Delivery.VERIFIED, 0)


@pytest.mark.parametrize("server", ["varnish", "passing"])
@pytest.mark.parametrize("accept", ["image/webp", "image/avif"])
async def test_a_marker_hides_no_copy(server: str, accept: str, request: pytest.FixtureRequest) -> None:
    """Copies of other variants are removed too, whichever variant the purge names."""
    cache: CacheServer = request.getfixturevalue(server)
    path = f"/vary/private/{accept}"
    fetch(cache, path, "image/avif")
    fetch(cache, path, "image/webp")
    assert cached(cache, path, "image/avif")
    purged = await purge(driver_for(settings(cache)), target(path, accept=accept))
    assert purged.delivery is Delivery.VERIFIED
    assert not cached(cache, path, "image/avif")
