"""Whether a server answers by itself: a request that it must refuse alone, whatever is behind it."""

import asyncio
import ssl
from urllib.parse import urlsplit

MALFORMED = b"EDGEWARD\r\n\r\n"
"""No request line (RFC 9112, 3): a server answers 400 or closes the connection, and passes nothing on."""


async def answers_by_itself(url: str, timeout: float) -> bool:
    """Send a malformed request: a process that is frozen or hangs sends nothing, and does not close either.

    Args:
        url: scheme, host and port; any path is not used. The certificate is not verified.
        timeout: seconds in all.
    """
    parts = urlsplit(url)
    context = None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = parts.port or (443 if context else 80)
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
            try:
                writer.write(MALFORMED)
                await reader.read(1)
            finally:
                writer.close()
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return True
