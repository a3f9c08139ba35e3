"""Settings that are possible each by itself, and impossible together: processes would not start, or go in circles."""

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from edgeward.settings.config import Config

WILDCARDS = ("0.0.0.0", "::")
DEFAULT_PORTS = {"http": 80, "https": 443}


def contradictions(config: Config) -> list[str]:
    """One sentence for each contradiction. It names the keys, and no secret."""
    return [*_addresses(config), *_tags(config), *_replicas(config)]


def _addresses(config: Config) -> Iterator[str]:
    """Listeners that take each other's address, and URLs that lead back to a listener of Edgeward."""
    proxy, admin = config.proxy.listen, config.admin.listen
    if _is_same(proxy, admin):
        yield f"admin.listen = {admin!r} is the address of proxy.listen"
    urls = [("proxy.upstream", config.proxy.upstream)]
    urls += [(f'[[caches]] ("{cache.name}"): url', cache.url) for cache in config.caches]
    urls += [(f'[[hosts]] ("{host.name}"): origin', host.origin) for host in config.hosts]
    for key, url in urls:
        parts = urlsplit(url)
        address = f"[{parts.hostname or ''}]:{parts.port or DEFAULT_PORTS[parts.scheme]}"
        for listener, listen in (("proxy.listen", proxy), ("admin.listen", admin)):
            if _is_same(address, listen):
                yield f"{key} is {listener}: Edgeward would send requests to itself"


def _is_same(address: str, listen: str) -> bool:
    """Whether a connection to `address` (HOST:PORT) would reach a listener on `listen`. Names are not resolved."""
    (host, port), (own, own_port) = _parts(address), _parts(listen)
    if port != own_port or not port:
        return False
    return host == own or host in WILDCARDS or (own in WILDCARDS and _is_local(host))


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]").lower()
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def _is_local(host: str) -> bool:
    """Whether a host is this machine, as far as its name alone tells."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == socket.gethostname().lower()


def _replicas(config: Config) -> Iterator[str]:
    """The embedded store is one server: no change would ever be confirmed."""
    if config.store.url == "embedded" and config.store.replicas:
        yield (
            f'store.replicas = {config.store.replicas} needs another store.url than "embedded": '
            "the embedded store has no replicas"
        )


def _tags(config: Config) -> Iterator[str]:
    if config.proxy.placement == "front":
        for cache in config.caches:
            if getattr(cache, "tags", False):
                yield (
                    f'[[caches]] ("{cache.name}"): tags = true needs proxy.placement = "fill": '
                    "only there Edgeward tags what the cache stores"
                )
