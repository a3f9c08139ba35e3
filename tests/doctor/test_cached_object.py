"""The check of an object at a real Traffic Server with more in its key. (Others: test_cache.py.)"""

import asyncio

from tests.support.changed_varnish import Cold
from tests.support.real_caches import settings

from edgeward.demo.caches import TrafficServer
from edgeward.doctor.cache import check_cached_object
from edgeward.doctor.finding import Finding
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.types import Target

KEYS_BY_PATH = {
    "/accept": "--include-headers=Accept",
    "/cookie": "--include-cookies=edgeward",
    "/device": "--ua-capture=(Mobile)",
    "/query": "--sort-params=true",
    "/nothing": "--remove-all-params=false",
}


class ByPath(TrafficServer):
    """One with the cachekey plug-in, which adds something else below each path."""

    def _command(self) -> list[str]:
        command = super()._command()
        remap = self.directory / "etc" / "remap.config"
        origin = f"http://{self.backend[0]}:{self.backend[1]}"
        lines = [
            f"map {path} {origin}{path} @plugin=cachekey.so @pparam={option}" for path, option in KEYS_BY_PATH.items()
        ]
        remap.write_text("\n".join([*lines, remap.read_text()]))
        return command


async def test_what_the_cachekey_plug_in_adds_is_found(cold: Cold) -> None:
    """The finding names it, and the place of its lines. What purges have too is no failure."""
    cache = cold(ByPath)
    cache.start()
    section = settings(cache)
    assert isinstance(section, SelfHostedCache)

    async def check(path: str) -> tuple[list[Finding], tuple[str, ...]]:
        return await check_cached_object(section, Target("http", "img.test", path))

    found = dict(zip(KEYS_BY_PATH, await asyncio.gather(*map(check, KEYS_BY_PATH)), strict=True))
    failed = {path: [each for each in findings if each.is_failure] for path, (findings, _) in found.items()}
    assert {path: headers for path, (_, headers) in found.items()} == {
        "/accept": ("accept",), "/cookie": ("cookie",), "/device": ("user-agent",), "/query": (), "/nothing": (),
    }, found  # fmt: skip
    assert {path for path, each in failed.items() if each} == {"/accept", "/cookie", "/device"}
    assert all("remap.config" in each.fix for findings in failed.values() for each in findings)
