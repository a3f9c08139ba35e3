"""Which hosts a request may name: protects the listener against DNS rebinding.

A web page can make its own host name resolve to this listener's address. The browser then takes the answers for those
of the page's own host, and lets the page read them. Such a request names the page's host. It can name no address, and
no host that the page does not own.
"""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

from edgeward.api import context
from edgeward.api.problem_details import Handler
from edgeward.api.requests import Misdirected
from edgeward.settings.config import AdminSettings

LOOPBACK_NAME = "localhost"
ANY_HOST = "*"


def is_known_host(host: str, admin: AdminSettings) -> bool:
    """Whether the listener answers requests with this Host header (RFC 9110, section 7.2): HOST or HOST:PORT.

    Known are IP addresses, loopback names, the host of `admin.listen`, and `admin.hosts`.
    """
    name = _host_name(host)
    known = (_host_name(admin.listen), *map(str.lower, admin.hosts))
    return _is_address(name) or _matches(name, known) or name == LOOPBACK_NAME or name.endswith(f".{LOOPBACK_NAME}")


def _matches(name: str, known: Sequence[str]) -> bool:
    """Whether a name is one of `known`. "*.example.org" stands for every host below example.org."""
    parents = {f"*{name[place:]}" for place, char in enumerate(name) if char == "."}
    return bool(name) and not {name, ANY_HOST, *parents}.isdisjoint(known)


def _host_name(host: str) -> str:
    """The host of HOST or HOST:PORT in lower case, without brackets and a dot at its end."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@web.middleware
async def require_known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: raises Misdirected for a request to an unknown host. One without any (HTTP/1.0) is of no browser."""
    admin = context.services(request).config.admin
    if not all(is_known_host(host, admin) for host in request.headers.getall("Host", [])):
        raise Misdirected("this listener does not answer for the host of the request: add it to admin.hosts")
    return await handler(request)
