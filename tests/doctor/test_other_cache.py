"""A section of the settings whose driver is not of the cache at its url."""

from pathlib import Path

import pytest
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer
from edgeward.demo.origin import Origin
from edgeward.doctor.cache import check_cache
from edgeward.doctor.finding import Health
from edgeward.settings.cache_settings import parse_cache

NAMED = ("varnish", "squid", "trafficserver")
"""Caches that name themselves."""


def backend(origin: Origin) -> tuple[str, int]:
    host, _, port = origin.address.rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("kind", [each for each in SERVERS if each.driver in NAMED], ids=lambda kind: kind.driver)
async def test_the_kind_of_cache_is_told_whatever_the_driver(kind: type[CacheServer], tmp_path: Path) -> None:
    """Its own headers are looked at, not those of the origin, and it is no "ok" though it takes the purge."""
    require(kind.program)
    with Origin() as origin, kind(tmp_path, backend(origin), "hush") as cache:
        for driver in {*NAMED, "nginx"} - {kind.driver}:
            section = {"name": "c", "driver": driver, "url": cache.purge_url, "secret": "hush", "timeout_ms": 20_000}
            (finding,) = await check_cache(parse_cache(section), None)
            assert (finding.check, finding.health) == ("purge", Health.FAIL), finding
            assert f"is another kind of cache: {kind.driver} (" in finding.detail
            assert finding.fix.startswith(f"`driver` is wrong: set it to {kind.driver}")
