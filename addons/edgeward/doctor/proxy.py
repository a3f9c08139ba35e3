"""Checks that clients can't purge a cache through Edgeward's own proxy."""

from edgeward.caches.raw_http import RawHttpClient
from edgeward.doctor.finding import Finding, fail, ok, skipped
from edgeward.doctor.processes import RESTART
from edgeward.errors import CacheUnavailable

METHODS = ("PURGE", "BAN")
HEADERS = (("Edgeward-Secret", "a guess"), ("xkey-purge", "ew-0"))
TIMEOUT_SECONDS = 2.0


async def check_proxy(listen: str) -> list[Finding]:
    """Send requests that would purge a cache to the proxy at `listen` (HOST:PORT). It must refuse all."""
    host, _, port = listen.rpartition(":")
    if port == "0":
        return [skipped("proxy", "outsider", "proxy.listen has port 0: the proxy's actual port is unknown here")]
    client = RawHttpClient(f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}", TIMEOUT_SECONDS)
    try:
        return [await _check_refusals(client)]
    except CacheUnavailable as error:
        if error.timed_out:
            detail = f"the proxy at {listen} on this machine accepts connections, and does not answer: whether it "
            detail += "refuses purges is not known"
            return [skipped("proxy", "outsider", detail, RESTART)]
        fix = "run doctor on the proxy's machine too"
        return [skipped("proxy", "outsider", f"no proxy answers at {listen} on this machine", fix)]
    finally:
        client.close()


async def _check_refusals(client: RawHttpClient) -> Finding:
    # 405 and 403 are the proxy's own answers. Any other came from the cache behind it.
    passed = [method for method in METHODS if (await client.ask(method, "edgeward.invalid", "/")).status != 405]
    for header in HEADERS:
        if (await client.ask("GET", "edgeward.invalid", "/", (header,))).status != 403:
            passed.append(header[0])
    if passed:
        fix = "remove the methods from policy.methods, and put the headers back into policy.refused_headers"
        return fail("proxy", "outsider", f"clients can send {', '.join(passed)} through the proxy to the cache", fix)
    return ok("proxy", "outsider", "the proxy refuses purges by clients")
