"""Whether an HTTP server can be reached from this machine, and at which step it fails."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from edgeward.caches.connection_errors import describe_error
from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.errors import CacheUnavailable

TIMEOUT_SECONDS = 5.0
PROBE_PATH = "/.well-known/edgeward/doctor/probe"


@dataclass(frozen=True, slots=True)
class Reached:
    """The result of one request. `status`: 0 without a response; `problem`: at which step it failed, else ""."""

    status: int = 0
    problem: str = ""


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
    if problem := await _connection_problem(name, port, parts.scheme == "https", timeout, certified):
        return Reached(problem=problem)
    client = RawHttpClient(url, timeout, server_name=certified or None)
    try:
        return Reached((await client.ask("GET", host or parts.netloc.rpartition("@")[2], path)).status)
    except CacheUnavailable as error:
        return Reached(problem=f"it accepts connections, but does not answer as an HTTP server: {error}")
    except TargetError as error:
        return Reached(problem=str(error))
    finally:
        client.close()


async def _connection_problem(name: str, port: int, tls: bool, timeout: float, certified: str) -> str:
    """Why no connection can be made, or ""."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return f"its name {name} was not resolved within {timeout:g} s (DNS)"
    except (socket.gaierror, UnicodeError) as error:
        return f"its name {name} does not resolve (DNS: {getattr(error, 'strerror', error)})"
    context = ssl.create_default_context() if tls else None
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(
                name, port, ssl=context, server_hostname=(certified or name) if tls else None
            )
    except TimeoutError:
        return f"no connection to port {port} within {timeout:g} s (time-out)"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not valid (TLS: {error.verify_message})"
    except ssl.SSLError as error:
        return f"the TLS handshake failed ({error.reason or error})"
    except OSError as error:
        return f"port {port}: {describe_error(error)}"
    writer.close()
    return ""
