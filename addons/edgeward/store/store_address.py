"""Where the store is, as told by its URL: one server, a Sentinel set, or a cluster."""

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS, parse_url

from edgeward.settings.secret_types import hide_secrets

SENTINEL_PORT = 26379
SERVER_PORT = 6379
TLS_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})
SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
SERVER_OPTIONS = frozenset({"username", "password", "client_name"})
PLACE_OPTIONS = frozenset({"host", "port", "path", "db", "connection_class"})
"""What redis-py reads from the URL before its query."""


class StoreKind(StrEnum):
    """How the store is deployed."""

    SERVER = "server"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A parsed store URL.

    Attributes:
        hosts: the sentinels, or some nodes of the cluster; empty for one server, which redis-py reads from `url`.
        service: the name of the master in the sentinels' configuration.
        options, sentinel_options: connection arguments of redis-py, to servers and to sentinels.
    """

    url: str = field(repr=False)
    kind: StoreKind
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    options: dict[str, Any] | None = field(default=None, repr=False)
    sentinel_options: dict[str, Any] | None = field(default=None, repr=False)


def parse_address(url: str) -> StoreAddress:
    """Parse redis://, rediss://, unix://, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or
    redis+cluster://HOST:PORT,HOST:PORT. The last two may begin with rediss+ for TLS.

    Raises:
        ValueError: the URL is invalid. The message holds no password.
    """
    parts = urlsplit(url)
    _check_tls_files(parts.query)
    if parts.scheme in ("redis+sentinel", "rediss+sentinel"):
        return _sentinel(url, parts)
    if parts.scheme in ("redis+cluster", "rediss+cluster"):
        return _cluster(url, parts)
    _check_server(url, parts)
    return StoreAddress(url, StoreKind.SERVER)


def _check_tls_files(query: str) -> None:
    """Refuse a file that can't be read: redis-py says so without its name, and when it connects."""
    for name, path in parse_qsl(query):
        if name in TLS_FILES:
            try:
                Path(path).open("rb").close()
            except OSError as error:
                raise ValueError(f"has {name}={path}: {os.strerror(error.errno or 0).lower()}") from None


def _check_server(url: str, parts: SplitResult) -> None:
    """Refuse what redis-py ignores: it would connect to this machine, or to the first database."""
    options = dict(parse_url(url))
    if parts.scheme == "unix":
        if parts.netloc.rpartition("@")[2] or not parts.path.startswith("/"):
            raise ValueError("must name an absolute path: unix:///PATH")
    elif not parts.hostname:
        raise ValueError(f"must name its host: {parts.scheme}://HOST:PORT")
    elif not re.fullmatch(r"/?|/[0-9]+/?", parts.path):
        raise ValueError("must end with the number of a database: redis://HOST:PORT/0")
    known = SERVER_OPTIONS | TLS_OPTIONS | PLACE_OPTIONS | set(URL_QUERY_ARGUMENT_PARSERS)
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"has an unknown option: {unknown[0]!r}")


def _sentinel(url: str, parts: SplitResult) -> StoreAddress:
    service = unquote(parts.path.strip("/"))
    if not service or "/" in service:
        raise ValueError("must end with one service: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE")
    options = _options(parts, SERVER_OPTIONS | SENTINEL_OPTIONS | {"db"})
    own = {name: options.pop(name) for name in SENTINEL_OPTIONS & options.keys()}
    sentinel = {name.removeprefix("sentinel_"): value for name, value in own.items()}
    sentinel |= {name: value for name, value in options.items() if name.startswith("ssl")}
    return StoreAddress(url, StoreKind.SENTINEL, _hosts(parts, SENTINEL_PORT), service, options, sentinel)


def _cluster(url: str, parts: SplitResult) -> StoreAddress:
    if parts.path.strip("/"):
        raise ValueError("must end with its hosts: a cluster has neither databases nor services")
    return StoreAddress(url, StoreKind.CLUSTER, _hosts(parts, SERVER_PORT), "", _options(parts, SERVER_OPTIONS))


def _hosts(parts: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    found = [urlsplit(f"//{text}") for text in parts.netloc.rpartition("@")[2].split(",")]
    if not all(one.hostname for one in found):
        raise ValueError("must name its hosts: HOST:PORT,HOST:PORT")
    return tuple((str(one.hostname), one.port or default_port) for one in found)


def _options(parts: SplitResult, known: frozenset[str]) -> dict[str, Any]:
    userinfo = "".join(parts.netloc.rpartition("@")[:2])
    options: dict[str, Any] = dict(parse_url(f"redis://{userinfo}host?{parts.query}"))
    del options["host"]
    unknown = sorted(options.keys() - known - TLS_OPTIONS)
    if unknown:
        raise ValueError(f"has an unknown option: {unknown[0]!r}")
    return options | {"ssl": True} if parts.scheme.startswith("rediss") else options


def hide_password(url: str) -> str:
    """`url` with *** for the password before the host, or in the query."""
    return hide_secrets(url)
