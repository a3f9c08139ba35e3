"""Tries whether a client can purge a cache by way of Edgeward's own proxy."""

from edgeward.control.doctor.finding import Finding, fail, ok, skipped
from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.wire import Wire

METHODS = ("PURGE", "BAN")
HEADERS = (("Edgeward-Secret", "a guess"), ("xkey-purge", "ew-0"))
SECONDS = 2.0


async def examine(listen: str) -> list[Finding]:
    """Send what would purge a cache to the proxy at `listen` (HOST:PORT)."""
    host, _, port = listen.rpartition(":")
    if port == "0":
        return [skipped("proxy", "outsider", "proxy.listen has port 0: it is not known here where the proxy listens")]
    wire = Wire(f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}", SECONDS)
    try:
        return [await _examine(wire)]
    except CacheUnavailable:
        return [skipped("proxy", "outsider", f"no proxy answers at {listen} on this machine", "run it here as well")]
    finally:
        wire.close()


async def _examine(wire: Wire) -> Finding:
    passed = [method for method in METHODS if (await wire.ask(method, "edgeward.invalid", "/")).status != 405]
    for header in HEADERS:
        if (await wire.ask("GET", "edgeward.invalid", "/", (header,))).status != 403:
            passed.append(header[0])
    if passed:
        mend = "take them out of policy.methods, and put the headers back into policy.refused_headers"
        return fail("proxy", "outsider", f"clients can send {', '.join(passed)} through the proxy to the cache", mend)
    return ok("proxy", "outsider", "purges by clients are refused")
