"""Every driver, made for a server in place of its cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from tests.caches.cdn_server import ApiServer, Respond, api_server
from tests.caches.google_key import key_file, pem

from edgeward.caches import CacheDriver, driver_for
from edgeward.settings.cache_settings import parse_cache

SETTINGS: dict[str, dict[str, Any]] = {
    "akamai": {"client_token": "a", "client_secret": "b", "access_token": "c"},
    "bunny": {"token": "t", "pull_zone": 1},
    "cloudflare": {"zone": "0" * 32, "token": "t"},
    "cloudfront": {"distribution": "E2", "access_key": "a", "secret_key": "b"},
    "fastly": {"service": "s", "token": "t"},
    "google": {"project": "p", "url_map": "m"},
    "keycdn": {"zone": 1, "token": "t"},
}
"""What each driver needs beside its url."""


@asynccontextmanager
async def driver_and_server(
    name: str, respond: Respond, **more: object
) -> AsyncIterator[tuple[CacheDriver, ApiServer]]:
    """The driver of this name with these settings, and the server that responds to it."""
    async with api_server(respond) as server:
        own = dict(SETTINGS.get(name, {}))
        if name == "google":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            own["credentials"] = key_file(pem(key), f"{server.url}/token")
        driver = driver_for(parse_cache({"name": "edge", "driver": name, "url": server.url, **own, **more}))
        try:
            yield driver, server
        finally:
            await driver.close()
