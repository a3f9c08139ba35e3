"""Whether an HTTP server can be reached from this machine, and at which step it fails."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from edgeward.caches.connection_errors import describe_error
from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.doctor.own_answer import answers_by_itself
from edgeward.errors import CacheUnavailable

TIMEOUT_SECONDS = 5.0
PROBE_PATH = "/.well-known/edgeward/doctor/probe"
OTHER_SCHEME_SECONDS = 1.0
"""To find out whether a port speaks the other one of HTTP and HTTPS."""
BAD_REQUEST = 400
"""What some servers answer to plain HTTP on a port for TLS."""


class Step(StrEnum):
    """Where a request ended without a usable response."""

    NAME = "name"
    REFUSED = "refused"
    """Nothing listens on the port."""
    UNREACHABLE = "unreachable"
    """No connection in time, or no route."""
    CERTIFICATE = "certificate"
    NO_TLS = "no tls"
    """The port speaks plain HTTP, and the URL says https."""
    ONLY_TLS = "only tls"
    """The port speaks TLS, and the URL says http."""
    TLS = "tls"
    SILENT = "silent"
    """A connection, and no response in time."""
    BEHIND = "behind"
    """No response in time, though the server refuses a malformed request at once: what is behind it does not answer."""
    NO_HTTP = "no http"
    """A connection that ends, or carries something else than HTTP."""
    REQUEST = "request"
    """The request can't be sent as it is."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The result of one request.

    Attributes:
        status: 0 without a response.
        problem: why it failed, else "".
        step: where it failed, else None.
        headers: of the response, by lower-case name.
    """

    status: int = 0
    problem: str = ""
    step: Step | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


async def reach(
    url: str, host: str = "", path: str = PROBE_PATH, timeout: float = TIMEOUT_SECONDS, certified: str = ""
) -> Reached:
    """Resolve the name of `url`, connect, shake hands, and send one GET.

    Args:
        url: scheme, host and port; any path is not used.
        host: the Host to ask for; "" is that of `url`.
        path: the request target.
        timeout: seconds for each step.
        certified: the name that the certificate must be for; "" is that of `url`.
    """
    parts = urlsplit(url)
    name, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    asked_host = host or parts.netloc.rpartition("@")[2]
    if failed := await _connect(name, port, timeout):
        return failed
    if parts.scheme == "https":
        if failed := await _shake_hands(name, port, timeout, certified):
            is_plain = failed.step is Step.TLS and await _speaks_http(name, port, asked_host, path)
            return Reached(problem=_PLAIN_PROBLEM.format(port), step=Step.NO_TLS) if is_plain else failed
        return await _told_apart(await _ask(url, asked_host, path, timeout, certified), url, timeout)
    found = await _ask(url, asked_host, path, timeout)
    if (found.problem or found.status == BAD_REQUEST) and found.step is not Step.REQUEST and await _is_tls(name, port):
        return Reached(found.status, _TLS_PROBLEM.format(port), Step.ONLY_TLS)
    return await _told_apart(found, url, timeout)


async def _told_apart(found: Reached, url: str, timeout: float) -> Reached:
    """`found`; if no response came in time, whether the server or what is behind it is the one that hangs."""
    if found.step is not Step.SILENT or not await answers_by_itself(url, timeout):
        return found
    return Reached(problem=_BEHIND_PROBLEM.format(timeout), step=Step.BEHIND)


_BEHIND_PROBLEM = "it answers by itself, but what is behind it (the origin) gave no answer within {:g} s"
_PLAIN_PROBLEM = "the TLS handshake failed: port {} speaks plain HTTP"
_TLS_PROBLEM = "port {} speaks TLS, and was asked in plain HTTP"


async def _ask(url: str, host: str, path: str, timeout: float, certified: str = "") -> Reached:
    client = RawHttpClient(url, timeout, server_name=certified or None)
    try:
        response: HttpResponse = await client.ask("GET", host, path)
        return Reached(response.status, headers=response.headers)
    except CacheUnavailable as error:
        step = Step.SILENT if error.timed_out else Step.NO_HTTP
        return Reached(problem=f"it accepts connections, but does not answer as an HTTP server: {error}", step=step)
    except TargetError as error:
        return Reached(problem=str(error), step=Step.REQUEST)
    finally:
        client.close()


async def _connect(name: str, port: int, timeout: float) -> Reached | None:
    """Why no connection can be made; None: one can."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return Reached(problem=f"its name {name} was not resolved within {timeout:g} s (DNS)", step=Step.NAME)
    except (socket.gaierror, UnicodeError) as error:
        why = getattr(error, "strerror", error)
        return Reached(problem=f"its name {name} does not resolve (DNS: {why})", step=Step.NAME)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(name, port)
    except TimeoutError:
        return Reached(problem=f"no connection to port {port} within {timeout:g} s (time-out)", step=Step.UNREACHABLE)
    except OSError as error:
        step = Step.REFUSED if isinstance(error, ConnectionRefusedError) else Step.UNREACHABLE
        return Reached(problem=f"port {port}: {describe_error(error)}", step=step)
    writer.close()
    return None


async def _shake_hands(name: str, port: int, timeout: float, certified: str) -> Reached | None:
    """Why the TLS handshake fails; None: it does not."""
    try:
        await _open_tls(name, port, timeout, ssl.create_default_context(), certified or name)
    except TimeoutError:
        return Reached(problem=f"no TLS handshake on port {port} within {timeout:g} s (time-out)", step=Step.TLS)
    except ssl.SSLCertVerificationError as error:
        return Reached(problem=f"its certificate is not valid (TLS: {error.verify_message})", step=Step.CERTIFICATE)
    except ssl.SSLError as error:
        return Reached(problem=f"the TLS handshake failed ({error.reason or error})", step=Step.TLS)
    except OSError as error:
        return Reached(problem=f"the TLS handshake failed ({describe_error(error)})", step=Step.TLS)
    return None


async def _open_tls(name: str, port: int, timeout: float, context: ssl.SSLContext, certified: str) -> None:
    """Connect, shake hands, and close. Raises OSError."""
    async with asyncio.timeout(timeout):
        _, writer = await asyncio.open_connection(name, port, ssl=context, server_hostname=certified)
    writer.close()


async def _is_tls(name: str, port: int) -> bool:
    """Whether the port speaks TLS, whatever its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        await _open_tls(name, port, OTHER_SCHEME_SECONDS, context, name)
    except OSError:
        return False
    return True


async def _speaks_http(name: str, port: int, host: str, path: str) -> bool:
    """Whether the port answers plain HTTP."""
    shown = f"[{name}]" if ":" in name else name
    return bool((await _ask(f"http://{shown}:{port}", host, path, OTHER_SCHEME_SECONDS)).status)
